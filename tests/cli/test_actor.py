"""Who acts on the command line."""

import getpass

import pytest

from api.cli.actor import actor


def test_it_is_the_users_name() -> None:
    assert actor() == getpass.getuser()


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no such user")])
def test_a_user_without_a_name_has_a_number(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def unknown() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", unknown)
    monkeypatch.setattr("os.getuid", lambda: 10_001)
    assert actor() == "uid-10001"
