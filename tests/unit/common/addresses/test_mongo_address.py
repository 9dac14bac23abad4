"""An address of MongoDB names its database, and what is wrong is said without its password."""

import pytest
from pydantic import ValidationError

from libs.common.addresses.mongo_address import database_of
from libs.common.settings import MongoSettings


@pytest.mark.parametrize(
    "url",
    [
        "mongodb://127.0.0.1:27017/crm",
        "mongodb://a:1,b:2,c:3/crm?replicaSet=rs0&readPreference=secondary",
        "mongodb+srv://app:p%40w@cluster0.abcde.mongodb.net/crm?retryWrites=true&w=majority&appName=Cluster0",
        "mongodb://app:pw@%2Ftmp%2Fmongodb-27017.sock/crm",
    ],
)
def test_the_database_is_the_one_of_the_path(url: str) -> None:
    assert database_of(url) == "crm"
    assert MongoSettings(mongo_url=url).mongo_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mongodb+srv://app:Secr3t@cluster0.abcde.mongodb.net/?retryWrites=true&w=majority", "names no database"),
        ("mongodb://app:Secr3t@127.0.0.1:27017", "names no database"),
        ("mongodb://app:pa/Secr3t@127.0.0.1/crm", "%2F"),
        ("http://app:Secr3t@127.0.0.1/crm", "mongodb://"),
    ],
)
def test_an_address_without_a_database_is_refused_at_the_start(url: str, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        MongoSettings(mongo_url=url)
    assert said in str(caught.value)
    assert "Secr3t" not in str(caught.value)
