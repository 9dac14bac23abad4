"""Settings and secrets: from the environment or from files, and never in an error's text."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from libs.common.settings import SECRETS_DIR, EnvironmentSettings, HttpSettings
from services.api.settings import Settings as ApiSettings
from tests.support.manifests import SETTINGS

SECRET = "a-secret-of-thirty-two-bytes-or-more"
SECRET_NAMES = ("secret", "token", "password", "postgres_url", "postgres_owner_url", "mongo_url")


@pytest.fixture
def secrets_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(SECRETS_DIR, str(tmp_path))
    for name in ("LEADFLOW_JWT_SECRET", "LEADFLOW_JWKS_URL", "LEADFLOW_POSTGRES_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.parametrize("name", ["leadflow_jwt_secret", "LEADFLOW_JWT_SECRET"])
def test_a_secret_may_be_a_file(secrets_dir: Path, name: str) -> None:
    (secrets_dir / name).write_text(SECRET + "\n")
    (secrets_dir / "leadflow_postgres_url").write_text("postgresql://somebody:of-a-file@there/leadflow")
    settings = ApiSettings()
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == SECRET
    assert settings.postgres_url.get_secret_value().endswith(":of-a-file@there/leadflow")


def test_the_environment_wins(secrets_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (secrets_dir / "leadflow_jwt_secret").write_text("of the file " * 4)
    monkeypatch.setenv("LEADFLOW_JWT_SECRET", SECRET)
    settings = ApiSettings()
    assert settings.jwt_secret is not None
    assert settings.jwt_secret.get_secret_value() == SECRET


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
def test_every_setting_is_read_so_and_what_is_secret_is_typed_so(settings: type[EnvironmentSettings]) -> None:
    assert issubclass(settings, EnvironmentSettings)
    secret = {name for name in settings.model_fields if name.endswith(SECRET_NAMES)}
    for name in secret:
        assert "SecretStr" in str(settings.model_fields[name].annotation), name
    others = {name for name, field in settings.model_fields.items() if SecretStr.__name__ in str(field.annotation)}
    assert others == secret


def test_the_names_of_secrets_are_found() -> None:
    assert {"jwt_secret", "postgres_url"} <= {n for n in ApiSettings.model_fields if n.endswith(SECRET_NAMES)}


def test_what_is_wrong_is_said_without_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that cannot start prints this into its log."""
    monkeypatch.delenv("LEADFLOW_JWKS_URL", raising=False)
    monkeypatch.setenv("LEADFLOW_POSTGRES_URL", "postgresql://somebody:postgres-password@there/leadflow")
    monkeypatch.setenv("LEADFLOW_JWT_SECRET", "too-short-secret")
    monkeypatch.setenv("LEADFLOW_QUOTA_ROWS", "quota-that-is-no-number")
    with pytest.raises(ValidationError) as caught:
        ApiSettings()
    assert "quota_rows" in str(caught.value)
    monkeypatch.setenv("LEADFLOW_QUOTA_ROWS", "5")
    with pytest.raises(ValidationError) as other:
        ApiSettings()
    assert "32 bytes" in str(other.value)
    for said in (str(caught.value), str(other.value)):
        for value in ("postgres-password", "too-short-secret", "quota-that"):
            assert value not in said


@pytest.mark.parametrize(
    "origins", ["", " ", "*", "null", "https://crm.example.com/, HTTP://[::1]:8080,", "capacitor://localhost"]
)
def test_origins_that_some_page_has(origins: str) -> None:
    assert HttpSettings(http_cors_origins=origins).http_cors_origins == origins


@pytest.mark.parametrize(
    "origins",
    [
        *("crm.example.com", "https://crm.example.com/app", "https://a.example.com https://b.example.com"),
        *("https://a.example.com;https://b.example.com", '"https://a.example.com"', "https://*.example.com"),
    ],
)
def test_origins_that_no_page_has_are_told_at_the_start(origins: str) -> None:
    with pytest.raises(ValidationError):
        HttpSettings(http_cors_origins=origins)
