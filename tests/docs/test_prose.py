"""README and docs can be read: short, in plain sentences, with links that lead somewhere."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.docs.pages import (
    DOCS,
    README,
    ROOT,
    docstring_sentences,
    sentences,
    words,
    written_pages,
)

MEDIAN, NEARLY_ALL = 14, 25
"""Words of a sentence: of half of them, and of 95 in a hundred."""
LONGEST = 30
PAGES = written_pages()


def test_sentences_are_told_apart(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# No prose\n\nOne two three. Four `five six` seven:\n\n- eight\n- nine ten\n\n"
        "| a | table |\n\n```text\nno prose either\n```\n\nSee [the page](there.md) at 3.5 ms.\n"
    )
    assert [words(each) for each in sentences(page)] == [3, 3, 1, 2, 6]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_in_plain_sentences(page: Path) -> None:
    lengths = [words(each) for each in sentences(page)]
    longest = max(sentences(page), key=words, default="")
    assert np.median(lengths or [0]) <= MEDIAN, longest
    assert np.percentile(lengths or [0], 95) <= NEARLY_ALL, longest


def test_the_readme_is_short() -> None:
    assert len(README.read_text().splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


def test_every_policy_is_linked() -> None:
    page = (DOCS / "how-to" / "deploy-on-aws.md").read_text()
    policies = {each.name for each in (DOCS / "reference" / "iam").glob("*.json")}
    assert policies == set(re.findall(r"reference/iam/([\w-]+\.json)", page))


def test_docstrings_are_in_plain_sentences() -> None:
    lengths = [words(each) for each in docstring_sentences()]
    assert np.median(lengths) <= MEDIAN
    assert np.percentile(lengths, 95) <= NEARLY_ALL
    assert max(lengths) <= LONGEST, max(docstring_sentences(), key=words)
