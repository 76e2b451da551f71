"""What the console ships from other packages is theirs, byte by byte."""

from pathlib import Path

import pytest

from tests.web.conftest import MODULES

STATIC = Path("api/console/static")
SHIPPED = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "inter-latin.woff2": "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2",
}


@pytest.mark.full
@pytest.mark.parametrize("name", SHIPPED)
def test_a_file_of_another_package_is_as_published(name: str) -> None:
    assert (STATIC / name).read_bytes() == (MODULES / SHIPPED[name]).read_bytes()


def test_no_other_file_is_from_elsewhere() -> None:
    found = {path.name for path in STATIC.iterdir()}
    assert found == {"console.css", "inter-LICENSE.txt", *SHIPPED}
