"""Addresses as providers print them, read with libpq's meaning; what is wrong is named, and no password repeated."""

from typing import Any

import pytest
from pydantic import ValidationError

from libs.common.addresses.postgres_address import Tls, read_postgres_address
from libs.common.addresses.wrong_address import WrongAddress
from libs.common.settings import PostgresSettings

PRINTED: dict[str, tuple[str, dict[str, Any]]] = {
    "RDS": (
        (
            "postgresql://postgres:pw@db1.c0example.us-east-1.rds.amazonaws.com:5432/leadflow"
            "?sslmode=verify-full&sslrootcert=/certs/global-bundle.pem"
        ),
        {
            "hosts": (("db1.c0example.us-east-1.rds.amazonaws.com", 5432),),
            "tls": Tls("verify-full", "/certs/global-bundle.pem"),
        },
    ),
    "Aurora, writer and reader": (
        (
            "postgres://app:pw@c1.cluster-abc.eu-west-1.rds.amazonaws.com,c1.cluster-ro-abc.eu-west-1.rds.amazonaws.com"
            "/leadflow?sslmode=require&target_session_attrs=primary&connect_timeout=3&tcp_user_timeout=5000"
            "&keepalives_idle=20&keepalives_interval=5&keepalives_count=2"
        ),
        {
            "hosts": (
                ("c1.cluster-abc.eu-west-1.rds.amazonaws.com", 5432),
                ("c1.cluster-ro-abc.eu-west-1.rds.amazonaws.com", 5432),
            ),
            "target": "primary",
            "connect_seconds": 3,
        },
    ),
    "Cloud SQL, by its socket": (
        "postgresql://app:pw@/leadflow?host=/cloudsql/my-project:southamerica-east1:crm",
        {"hosts": (("/cloudsql/my-project:southamerica-east1:crm", 5432),), "database": "leadflow", "user": "app"},
    ),
    "Cloud SQL, by its address": (
        (
            "postgresql://app:pw@10.1.2.3:5432/leadflow?sslmode=verify-ca&sslrootcert=/c/server-ca.pem"
            "&sslcert=/c/client-cert.pem&sslkey=/c/client-key.pem"
        ),
        {"tls": Tls("verify-ca", "/c/server-ca.pem", "/c/client-cert.pem", "/c/client-key.pem")},
    ),
    "Neon": (
        (
            "postgresql://alex:pw@ep-cool-darkness-a1b2c3d4-pooler.us-east-2.aws.neon.tech/leadflow"
            "?sslmode=require&channel_binding=require"
        ),
        {"tls": Tls("verify-full", "system"), "database": "leadflow"},
    ),
    "Neon, for clients without SNI": (
        (
            "postgresql://alex:pw@ep-cool-darkness-a1b2c3d4.us-east-2.aws.neon.tech/leadflow"
            "?sslmode=require&options=endpoint%3Dep-cool-darkness-a1b2c3d4"
        ),
        {"options": "endpoint=ep-cool-darkness-a1b2c3d4", "settings": {}, "tls": Tls("require")},
    ),
    "Supabase, direct": (
        "postgresql://postgres:pw@db.abcdefghijklm.supabase.co:5432/postgres",
        {"hosts": (("db.abcdefghijklm.supabase.co", 5432),), "tls": Tls("prefer"), "target": "read-write"},
    ),
    "Supabase, its pooler": (
        "postgres://postgres.abcdefghijklm:pw@aws-0-sa-east-1.pooler.supabase.com:6543/postgres",
        {"user": "postgres.abcdefghijklm", "hosts": (("aws-0-sa-east-1.pooler.supabase.com", 6543),)},
    ),
    "Aiven": (
        "postgres://avnadmin:pw@pg-1f2e3d-crm.a.aivencloud.com:12691/defaultdb?sslmode=require",
        {"database": "defaultdb", "tls": Tls("require")},
    ),
    "DigitalOcean": (
        (
            "postgresql://doadmin:pw@db-postgresql-nyc3-1-do-user-1-0.c.db.ondigitalocean.com:25060/defaultdb"
            "?sslmode=require"
        ),
        {"hosts": (("db-postgresql-nyc3-1-do-user-1-0.c.db.ondigitalocean.com", 25060),), "tls": Tls("require")},
    ),
    "Azure, flexible server": (
        "postgresql://app:pw@crm.postgres.database.azure.com:5432/leadflow?sslmode=require",
        {"tls": Tls("require")},
    ),
    "Azure, single server": (
        "postgres://app%40crm:pw@crm.postgres.database.azure.com/leadflow?sslmode=require",
        {"user": "app@crm"},
    ),
}


@pytest.mark.parametrize("printed", PRINTED)
def test_an_address_is_taken_as_its_provider_prints_it(printed: str) -> None:
    url, expected = PRINTED[printed]
    address = read_postgres_address(url)
    assert address.password == "pw"
    assert {name: getattr(address, name) for name in expected} == expected
    assert PostgresSettings(postgres_url=url).postgres_url.get_secret_value() == url


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u:p%40%3A%2F%3F%23%25w@h/d", {"password": "p@:/?#%w"}),
        ("postgresql://u:p:a@h/d", {"password": "p:a"}),
        ("postgresql://u:p#1@h/d", {"password": "p#1"}),
        ("postgresql://h/d?user=u&password=p%26w", {"user": "u", "password": "p&w"}),
        ("postgresql://u:p@[2001:db8::1]:6000/d", {"hosts": (("2001:db8::1", 6000),)}),
        ("postgresql://u:p@[::1],b:2,c/d?port=7", {"hosts": (("::1", 7), ("b", 2), ("c", 7))}),
        ("postgresql://u:p@/d?host=a,b&port=1,2", {"hosts": (("a", 1), ("b", 2))}),
        ("postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/d", {"hosts": (("/var/run/postgresql", 5432),)}),
        ("postgresql://u:p@h?dbname=d", {"database": "d"}),
        ("postgresql://u:p@h", {"database": "u"}),
        ("postgresql://u:p@h/d%20e", {"database": "d e"}),
        ("postgresql://u:p@h/d?application_name=crm&connect_timeout=0", {"application_name": "crm"}),
        ("postgresql://u:p@h/d?connect_timeout=0", {"connect_seconds": None}),
        ("postgresql://u:p@h/d?sslrootcert=system", {"tls": Tls("verify-full", "system")}),
        (
            "postgresql://u:p@h/d?sslmode=require&sslnegotiation=direct&channel_binding=prefer&gssencmode=disable",
            {"tls": Tls("require", negotiation="direct")},
        ),
        (
            "postgresql://u:p@h/d?channel_binding=require&sslrootcert=/ca.pem",
            {"tls": Tls("verify-full", "/ca.pem")},
        ),
        (
            "postgresql://u:p@h/d?options=-c%20search_path%3Da%5C%20b%20-cwork_mem%3D8MB%20--Lock-timeout%3D3s",
            {"settings": {"search_path": "a b", "work_mem": "8MB", "lock_timeout": "3s"}, "options": None},
        ),
        *((f"postgresql://u:p@h/d?sslmode={mode}", {"tls": Tls(mode)}) for mode in ("disable", "allow", "verify-ca")),
    ],
)
def test_parameters_mean_what_they_mean_to_libpq(url: str, expected: dict[str, Any]) -> None:
    address = read_postgres_address(url)
    assert {name: getattr(address, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://u:Secr3t@h/d?sslmod=require", "'sslmod'"),
        ("postgresql://u:Secr3t@h/d?pgbouncer=true", "LEADFLOW_POSTGRES_POOLER=transaction"),
        ("postgresql://u:Secr3t@h/d?sslmode=on", "sslmode"),
        ("postgresql://u:Secr3t@h/d?channel_binding=require&sslmode=disable", "channel_binding=require"),
        ("postgresql://u:Secr3t@h/d?channel_binding=yes", "channel_binding"),
        ("postgresql://u:Secr3t@h/d?sslrootcert=system&sslmode=require", "sslrootcert=system"),
        ("postgresql://u:Secr3t@h/d?sslkey=/k", "sslcert"),
        ("postgresql://u:Secr3t@h/d?sslnegotiation=direct", "sslnegotiation"),
        ("postgresql://u:Secr3t@h/d?gssencmode=require", "gssencmode"),
        ("postgresql://u:Secr3t@h/d?target_session_attrs=writable", "target_session_attrs"),
        ("postgresql://u:Secr3t@h/d?connect_timeout=soon", "connect_timeout"),
        ("postgresql://u:Secr3t@h/d?options=-c%20jit", "options"),
        ("postgresql://u:Secr3t@h/d?options=-c", "options"),
        ("postgresql://u:Secr3t@h:port/d", "port"),
        ("postgresql://u:Secr3t@h:70000/d", "port"),
        ("postgresql://u:Secr3t@a,b/d?port=1,2,3", "3 ports"),
        ("postgresql://u:Secr3t@/d", "no host"),
        ("postgresql://:Secr3t@h", "no database"),
        ("mysql://u:Secr3t@h/d", "postgresql://"),
        ("u:Secr3t@h/d", "postgresql://"),
        # Raw characters of a password end the address too early: what follows is no parameter to be named.
        ("postgresql://u:pa?Secr3t=1@h/d", "%3F"),
        ("postgresql://u:pa?Secr3t&x@h/d", "%3F"),
        ("postgresql://u:pa/Secr3t@h/d", "%2F"),
    ],
)
def test_what_is_wrong_is_named_at_the_start_and_no_password_is_repeated(url: str, said: str) -> None:
    with pytest.raises(WrongAddress) as caught:
        read_postgres_address(url)
    with pytest.raises(ValidationError) as shown:
        PostgresSettings(postgres_url=url)
    for text in (str(caught.value), str(shown.value)):
        assert said in text
        assert "Secr3t" not in text


def test_an_address_is_shown_without_its_password() -> None:
    assert "Secr3t" not in repr(read_postgres_address("postgresql://u:Secr3t@h/d"))
