"""What is read and written is what a failover cannot take back, whatever the address says."""

import pytest
from pymongo import ReadPreference
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from libs.common.settings import MongoSettings
from libs.common.stores.mongo import Mongo


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?readPreference=secondaryPreferred&readConcernLevel=local&w=0&journal=false",
        "?replicaSet=rs0&readPreference=nearest&maxStalenessSeconds=120&readConcernLevel=available&w=1",
    ],
)
async def test_reads_are_of_the_primary_and_of_what_a_majority_has(query: str) -> None:
    mongo = Mongo(MongoSettings(mongo_url=f"mongodb://a:1,b:2/crm{query}"), application_name="tests")
    try:
        collection = mongo.collection("things")
        assert collection.database.name == "crm"
        assert collection.read_preference == ReadPreference.PRIMARY
        assert collection.read_concern == ReadConcern("majority")
        assert collection.write_concern == WriteConcern(w="majority", j=True)
    finally:
        await mongo.close()
