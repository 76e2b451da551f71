"""The card of a version: for people, in Markdown and as a page that loads nothing."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise

from adapters.model_card import with_card
from adapters.scorers.onnx import OnnxScorer
from adapters.training import train
from domain.features import FeatureSet
from model_registry.versions import CARD, CARD_HTML, Candidate, Draft
from tests.builders import USD, a_feature
from tests.training_sets import a_training_set


def carded(category: str | None = None) -> Candidate:
    features = FeatureSet((a_feature(category=category),), USD)
    examples = replace(a_training_set([0.02]), features=features)
    beside = [{"name": "another | one", "metrics": {"auc": 0.7, "log_loss": 0.5}}]
    candidate = train(examples, build_scorer=OnnxScorer.build, beside=beside)
    return with_card(candidate, model="propensity")


def test_it_says_how_good_the_version_is_and_beside_what() -> None:
    candidate = carded()
    text = candidate.card[CARD].decode()
    assert text.startswith("# Model propensity\n")
    assert f"| AUC | {candidate.metrics['auc']:.4g} |" in text
    assert "another \\| one" in text
    for heading in ("How good it is", "Who is contacted first", "What it looks at"):
        assert f"## {heading}" in text


def columns(line: str) -> int:
    """How many cells a row of Markdown has."""
    return len(re.split(r"(?<!\\)\|", line))


def test_every_table_has_the_columns_of_its_head() -> None:
    lines = carded().card[CARD].decode().splitlines()
    for before, line in pairwise(lines):
        if before.startswith("|") and line.startswith("|"):
            assert columns(before) == columns(line)


class Tags(HTMLParser):
    """The elements of a page, and whatever would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.loads += [f"{name}={value}" for name, value in attrs if name in {"src", "href"}]


def test_the_page_has_pictures_and_loads_nothing() -> None:
    page = Tags()
    page.feed(carded().card[CARD_HTML].decode())
    assert {"svg", "path", "circle", "table"} <= page.names
    assert page.loads == []


def test_a_category_with_markup_in_its_name_stays_text() -> None:
    page = Tags()
    page.feed(carded("<script>alert(1)</script>").card[CARD_HTML].decode())
    assert "script" not in page.names


def test_it_is_a_part_of_the_version() -> None:
    draft = Draft.of("propensity", carded(), created_at=1, created_by="tests")
    assert {CARD, CARD_HTML} <= draft.manifest.blobs.keys()
