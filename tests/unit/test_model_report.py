"""The report of a version: one page with the figures of both versions, which loads nothing."""

from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from adapters.pictures import VegaDrawings
from api.pictures import Draws
from api.pictures.versions import JudgedVersion
from api.report import model_report
from model_registry.evaluation import calibration, compare, evaluate, intervals
from model_registry.registry import Registry
from model_registry.versions import Candidate, HeldOut
from tests.pictures import hostile_texts
from tests.registries import NAME, a_candidate, a_registry

WEIGHED = {
    "coefficients": {"volume": 0.02, "age": -0.5},
    "feature_scales": {"volume": 100.0, "age": 3.0},
}


@pytest.fixture(scope="module")
def draws() -> Iterator[Draws]:
    drawings = VegaDrawings()
    yield drawings
    drawings.close()


def judged_by(noise: float, **facts: object) -> Candidate:
    """A candidate judged by four hundred customers; noise makes it worse."""
    random = np.random.default_rng(1)
    odds = random.normal(-1.0, 1.5, 400)
    bought = random.random(400) < 1.0 / (1.0 + np.exp(-odds))
    told = 1.0 / (1.0 + np.exp(-odds - noise * random.normal(0.0, 1.0, 400)))
    rows = HeldOut("a" * 64, bought, told)
    return replace(
        a_candidate(),
        held_out=rows,
        metrics=evaluate(rows),
        intervals=intervals(rows),
        calibration=calibration(rows),
        facts=facts,
    )


def registered(registry: Registry, candidate: Candidate, *, actor: str = "anna") -> JudgedVersion:
    manifest = registry.register(NAME, candidate, actor=actor)
    return JudgedVersion(manifest, candidate.held_out)


class Elements(HTMLParser):
    """What stands in a page: its elements, its texts, and whatever would load or run something."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.active: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.active += [name for name, _ in attrs if name.startswith("on")]
        self.active += [name for name, _ in attrs if name in {"src", "href", "style", "xlink:href"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_report_shows_a_version_beside_another_one(draws: Draws) -> None:
    registry = a_registry()
    worse = registered(registry, judged_by(2.0))
    better = registered(registry, judged_by(0.1, **WEIGHED))
    comparison = compare(worse.manifest, better.manifest, registry.blob)
    page = Elements(model_report(better, draws, beside=worse, comparison=comparison))
    assert page.names.count("svg") == 10  # of five pictures, each for a desk and for a phone
    assert page.names.count("details") == 5
    assert not page.active
    assert "script" not in page.names
    for each in (better, worse):
        assert f"{each.manifest.metrics['auc']:.3f}" in page.text
    assert "better" in page.text
    assert "features only here" not in page.text


def test_a_version_that_came_with_little_says_what_is_missing(draws: Draws) -> None:
    registry = a_registry()
    version = registered(registry, a_candidate())
    page = Elements(model_report(version, draws))
    assert page.names.count("svg") == 2  # its stored bins alone
    assert page.names.count("code") == 2
    older = {"coefficients": WEIGHED["coefficients"]}
    page = Elements(model_report(registered(registry, judged_by(0.1, **older)), draws))
    assert page.names.count("code") == 1


def test_weights_are_of_one_standard_deviation_the_largest_first() -> None:
    registry = a_registry()
    version = registered(registry, judged_by(0.1, **WEIGHED))
    weights = version.weights() or []
    assert [name for name, _ in weights] == ["volume", "age"]
    assert [weight for _, weight in weights] == pytest.approx([2.0, -1.5])
    assert registered(registry, judged_by(0.1)).weights() is None


def test_bins_have_intervals_of_customers_and_stored_ones_of_rows() -> None:
    registry = a_registry()
    candidate = judged_by(0.1)
    assert candidate.held_out is not None
    twice = HeldOut(
        "b" * 64,
        np.repeat(candidate.held_out.labels, 2),
        np.repeat(candidate.held_out.probabilities, 2),
        np.repeat(np.arange(400), 2),
    )
    of_customers = registered(registry, replace(candidate, held_out=twice)).bins()
    of_rows = registered(registry, replace(candidate, held_out=None)).bins()
    for one, other in zip(of_customers, of_rows, strict=True):
        assert one.people == 2 * other.people
        assert one.interval() == pytest.approx(other.interval(), abs=1e-6)


@pytest.mark.full
def test_a_hostile_text_in_a_version_is_shown_as_text(draws: Draws) -> None:
    registry = a_registry()
    texts = [text.encode(errors="replace").decode() for text in hostile_texts() if text.strip()]
    names = {f"{place}{text}": 1.0 for place, text in enumerate(texts)}
    candidate = judged_by(
        0.1, coefficients=names, feature_scales=names, libraries=dict.fromkeys(texts, "1")
    )
    version = registered(registry, candidate, actor="<script>alert(1)</script>")
    other = registered(registry, judged_by(0.2))
    page = Elements(model_report(version, draws, beside=other))
    assert "script" not in page.names
    assert not page.active
    assert "by <script>alert(1)</script>." in page.text
