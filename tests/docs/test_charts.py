"""The charts of the documentation are what the product draws now; `make docs-reference` writes them."""

from tests.docs.charts import FOLDER, charts
from tests.docs.pages import ROOT, written_pages


def test_the_stored_charts_are_what_is_drawn() -> None:
    drawn = charts()
    assert {path.name for path in FOLDER.iterdir()} == {path.name for path in drawn}
    for path, text in drawn.items():
        assert path.read_text() == text, f"run make docs-reference ({path.relative_to(ROOT)})"


def test_every_chart_stands_on_a_page() -> None:
    pages = "".join(page.read_text() for page in written_pages())
    assert all(f"pictures/{path.name}" in pages for path in FOLDER.iterdir())
