"""Settings: what each property makes of the values."""

from pathlib import Path

import pytest

from api.process import Secret, Settings, load_settings
from domain.decisions import Policy
from domain.errors import Rejected
from tests.builders import missing

pytestmark = pytest.mark.usefixtures("home")

AT_LOOPBACK = ("local", "local")


@pytest.mark.parametrize(
    ("endpoint", "url", "engine_port", "credentials"),
    [
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001", 8001, AT_LOOPBACK),
        ("http://localhost:9000/", "http://localhost:9000/", 9000, AT_LOOPBACK),
        ("http://localhost", "http://localhost", 80, AT_LOOPBACK),
        ("http://LOCALHOST", "http://LOCALHOST", 80, AT_LOOPBACK),
        ("https://localhost:8001", "https://localhost:8001", None, AT_LOOPBACK),
        ("http://127.0.0.2:8001", "http://127.0.0.2:8001", None, AT_LOOPBACK),
        ("http://[::1]:8001", "http://[::1]:8001", None, AT_LOOPBACK),
        ("http://dynamo.example:8001", "http://dynamo.example:8001", None, None),
        ("http://127.0.0.1.example:8001", "http://127.0.0.1.example:8001", None, None),
        ("aws", None, None, None),
    ],
)
def test_the_endpoint_decides_the_engine_and_the_credentials(
    endpoint: str, url: str | None, engine_port: int | None, credentials: tuple[str, str] | None
) -> None:
    settings = Settings(dynamodb_endpoint=endpoint)
    assert settings.endpoint_url == url
    assert settings.engine_port == engine_port
    assert settings.credentials == credentials


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "http://127.0.0.1:port",
        "http://[::1:8001",
        "http://",
        "ftp://127.0.0.1:8001",
        "127.0.0.1:8001",
        "AWS",
    ],
)
def test_an_endpoint_that_is_no_url_is_refused_with_an_example(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_DYNAMODB_ENDPOINT", endpoint)
    with pytest.raises(Rejected) as caught:
        load_settings()
    assert not missing(caught.value, "PROPENSITY_DYNAMODB_ENDPOINT", "http://127.0.0.1:8001")


@pytest.mark.parametrize("endpoint", ["aws", "http://127.0.0.1:8001", "https://dynamo.example"])
def test_credentials_that_are_given_are_used_everywhere(endpoint: str) -> None:
    settings = Settings(
        dynamodb_endpoint=endpoint, access_key_id="me", secret_access_key=Secret("hunter2")
    )
    assert settings.credentials == ("me", "hunter2")
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize("half", ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"])
def test_half_a_credential_is_refused_without_telling_it(
    half: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"PROPENSITY_{half}", "hunter2")
    with pytest.raises(Rejected) as refused:
        load_settings()
    told = str(refused.value).lower()
    assert "access_key_id" in told
    assert "secret_access_key" in told
    assert "hunter2" not in str(refused.value)


def test_the_banner_policy_has_the_range_of_the_settings() -> None:
    settings = Settings(banner_min_probability=0.2, banner_max_probability=0.7)
    expected = Policy(name="banner", min_probability=0.2, max_probability=0.7)
    assert settings.banner_policy == expected
    with pytest.raises(ValueError, match="banner"):
        Settings(banner_min_probability=0.8, banner_max_probability=0.7)


def test_the_registry_is_under_the_home_unless_it_is_set() -> None:
    assert Settings(home=Path("/somewhere")).registry_location == "/somewhere/registry"
    assert Settings(home=Path("/somewhere"), registry="/shared").registry_location == "/shared"


def test_the_environment_goes_before_the_file_and_empty_means_unset(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / ".env").write_text("PROPENSITY_PORT=8100\nPROPENSITY_REGION=eu-west-1\n")
    monkeypatch.setenv("PROPENSITY_PORT", "8200")
    monkeypatch.setenv("PROPENSITY_REGISTRY", "")
    settings = load_settings()
    assert (settings.port, settings.region) == (8200, "eu-west-1")
    assert settings.registry_location == ".propensity/registry"


def test_purchases_are_kept_for_ever_or_longer_than_recent_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PROPENSITY_PURCHASE_RETENTION_DAYS", "")
    assert load_settings().retention.purchases.days is None
    monkeypatch.setenv("PROPENSITY_RECENT_DAYS", "30")
    monkeypatch.setenv("PROPENSITY_PURCHASE_RETENTION_DAYS", "33")
    assert load_settings().retention.purchases.days == 33
    monkeypatch.setenv("PROPENSITY_RECENT_DAYS", "31")
    with pytest.raises(Rejected) as caught:
        load_settings()
    named = "PROPENSITY_PURCHASE_RETENTION_DAYS", "PROPENSITY_RECENT_DAYS"
    assert not missing(caught.value, *named)


def test_settings_cannot_be_changed_once_read() -> None:
    with pytest.raises(AttributeError):
        Settings().port = 1  # type: ignore[misc]  # frozen is the point


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("", {"onnx", "linear", "constant"}),
        ("linear", {"linear"}),
        ("onnx, boosted", {"onnx", "boosted"}),
    ],
)
def test_scorers_are_kinds_by_commas(
    value: str, kinds: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROPENSITY_SCORERS", value)
    assert load_settings().scorer_kinds == kinds


@pytest.mark.parametrize("value", [",", "onnx,", " ", "onnx,,linear"])
def test_a_kind_without_a_name_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_SCORERS", value)
    with pytest.raises(Rejected, match="PROPENSITY_SCORERS"):
        load_settings()


RANDOM_KEY = "3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs"


def test_the_log_of_decisions_has_keys_and_shares(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROPENSITY_DECISION_LOG", "log")
    assert load_settings().decision_log_keys == []  # upkeep needs none
    keys = f"{RANDOM_KEY},{RANDOM_KEY[::-1]},{RANDOM_KEY}="
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_KEY", keys)
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_SHARES", "propensity=10%, flags=0.5")
    settings = load_settings()
    assert settings.logged_shares == {"propensity": 1_000, "flags": 5_000}
    newest, _, oldest = settings.decision_log_keys
    assert newest == oldest == bytes.fromhex("deadbeef") + bytes(range(28))
    assert Settings().logged_shares == {}


@pytest.mark.parametrize(
    "key", ["short", "A" * 43, "ab" * 21 + "c", RANDOM_KEY + "00", RANDOM_KEY[:-1] + "!"]
)
def test_a_weak_key_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_KEY", key)
    with pytest.raises(Rejected) as caught:
        load_settings()
    assert not missing(caught.value, "PROPENSITY_DECISION_LOG_KEY")
    assert key not in str(caught.value)


@pytest.mark.parametrize(
    "shares",
    ["all", "propensity", "propensity=2", "audience=1", "flags=1,flags=1", "flags=0.00001"],
)
def test_shares_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, shares: str) -> None:
    monkeypatch.setenv("PROPENSITY_DECISION_LOG_SHARES", shares)
    with pytest.raises(Rejected) as caught:
        load_settings()
    assert not missing(caught.value, "PROPENSITY_DECISION_LOG_SHARES")
