"""A bucket is asked with the credentials that the AWS CLI would find."""

from pathlib import Path

import pytest

from adapters.object_store import open_object_store
from domain.errors import StoreUnavailable
from tests.proxy import Instead, Request, proxy


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A profile named in AWS_PROFILE, and no credentials in the environment."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    credentials, config = tmp_path / "credentials", tmp_path / "config"
    credentials.write_text(
        "[operator]\naws_access_key_id=OPERATOR\naws_secret_access_key=x\naws_session_token=t\n"
    )
    config.write_text("[profile operator]\nregion = eu-north-1\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "operator")
    return "OPERATOR"


def test_a_profile_signs_with_its_key_and_region(
    profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []

    def refuse(request: Request) -> Instead:
        seen.append(request)
        return Instead(403, b"")

    with proxy(0, refuse) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
        with pytest.raises(StoreUnavailable):
            open_object_store("s3://bucket/prefix").get("key")
    assert f"Credential={profile}/" in seen[0].authorization
    assert "/eu-north-1/s3/" in seen[0].authorization
