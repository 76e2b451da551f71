"""What comes from the code is stored as the code says it now; `make docs-reference` writes it."""

import re
from collections import Counter
from pathlib import Path

import pytest

from api.cli.main import COMMANDS
from tests.docs.generated import (
    PAGES_WITH_TABLES,
    SETTINGS,
    generated,
    setting_names,
    tables_by_name,
)
from tests.docs.metrics import HEADINGS, instruments
from tests.docs.pages import DOCS, ROOT

FILES = generated()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_stored_page_is_what_the_code_says(path: Path) -> None:
    assert path.read_text() == FILES[path], f"run make docs-reference ({path.relative_to(ROOT)})"


def test_every_setting_stands_under_one_heading_and_ten_come_first() -> None:
    listed = Counter(name for names in SETTINGS.values() for name in names)
    assert listed == Counter(setting_names())
    assert len(next(iter(SETTINGS.values()))) == 10


def test_every_command_is_in_the_reference() -> None:
    page = FILES[DOCS / "reference" / "cli.md"]
    assert all(f"## `propensity {name}`" in page for name in COMMANDS)
    assert "## `propensity models promote`" in page


def test_every_computed_table_stands_in_one_page() -> None:
    text = "".join(page.read_text() for page in PAGES_WITH_TABLES)
    assert Counter(re.findall(r"<!-- generated: (\w+) -->", text)) == Counter(
        tables_by_name().keys()
    )


def test_every_instrument_has_a_heading_on_the_page_of_metrics() -> None:
    assert sorted(HEADINGS) == sorted(instruments())
