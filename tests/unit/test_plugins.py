import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from model_registry.errors import GateFailed
from model_registry.gates import SHIPPED, ScorerPlugins
from model_registry.gates.plugins import GROUP
from tests.builders import missing

WORKING = """
class Half:
    def score(self, matrix, /):
        return 0 * matrix[:, 0] + 0.5

def build(options, blobs, /):
    return Half()

nothing = None
"""

Install = Callable[..., str]


@pytest.fixture
def install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Install:
    """Puts a distribution with one module and one scorer on the path; gives the module's name."""

    def install(name: str, kind: str, *, source: str = WORKING, attribute: str = "build") -> str:
        site = tmp_path / name
        metadata = site / f"{name}-1.5.dist-info"
        metadata.mkdir(parents=True)
        module = f"plugin_{name}"
        (site / f"{module}.py").write_text(source)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.5\n")
        (metadata / "entry_points.txt").write_text(f"[{GROUP}]\n{kind} = {module}:{attribute}\n")
        monkeypatch.syspath_prepend(str(site))
        request.addfinalizer(lambda: sys.modules.pop(module, None))
        return module

    return install


def test_an_installed_distribution_offers_its_scorers(install: Install) -> None:
    module = install("acme", "half")
    factory = ScorerPlugins.installed(allowed={"half"}).factory("half")
    assert factory is sys.modules[module].build


def test_a_plugin_is_imported_only_when_its_kind_is_asked_for(install: Install) -> None:
    module = install("acme", "half")
    plugins = ScorerPlugins.installed()
    assert "half" in plugins.offers
    assert module not in sys.modules


def test_what_is_shipped_is_allowed_and_nothing_else_is(install: Install) -> None:
    module = install("acme", "half")
    plugins = ScorerPlugins.installed()
    assert [callable(plugins.factory(kind)) for kind in SHIPPED] == [True, True, True]
    with pytest.raises(GateFailed) as caught:
        plugins.factory("half")
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, "half", "acme 1.5", "PROPENSITY_SCORERS", *SHIPPED)
    assert module not in sys.modules


def test_a_shipped_kind_can_be_taken_away() -> None:
    plugins = ScorerPlugins.installed(allowed={"linear"})
    assert callable(plugins.factory("linear"))
    with pytest.raises(GateFailed) as caught:
        plugins.factory("onnx")
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, "onnx", "propensity", "linear")
    assert missing(caught.value.reason, "constant")


def test_a_distribution_cannot_put_itself_in_the_place_of_a_shipped_kind(install: Install) -> None:
    install("acme", "linear")
    with pytest.raises(GateFailed) as caught:
        ScorerPlugins.installed()
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, "linear", "acme 1.5", "propensity")


def test_an_unknown_kind_is_refused_with_those_there_are(install: Install) -> None:
    install("acme", "half")
    install("zenith", "third")
    plugins = ScorerPlugins.of(
        offer for offer in ScorerPlugins.installed().offers.values() if "plugin_" in offer.value
    )
    with pytest.raises(GateFailed) as caught:
        plugins.factory("whole")
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, "whole", "half", "third", GROUP)


def test_without_any_plugin_no_kind_is_known() -> None:
    with pytest.raises(GateFailed) as caught:
        ScorerPlugins.of([]).factory("onnx")
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, "onnx", GROUP)


def test_two_distributions_of_one_kind_are_refused_by_name(install: Install) -> None:
    install("acme", "half")
    install("zenith", "half")
    with pytest.raises(GateFailed) as caught:
        ScorerPlugins.installed()
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, "half", "acme 1.5", "zenith 1.5")


def test_offers_without_a_distribution_are_told_apart_by_what_they_import() -> None:
    offers = [EntryPoint("half", f"{module}:build", GROUP) for module in ("one", "two")]
    with pytest.raises(GateFailed) as caught:
        ScorerPlugins.of(offers)
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, "one:build", "two:build")


@pytest.mark.parametrize(
    ("source", "attribute", "facts"),
    [
        (
            "import no_such_module_anywhere",
            "build",
            ["ModuleNotFoundError", "no_such_module_anywhere"],
        ),
        ("raise RuntimeError('no licence')", "build", ["RuntimeError", "no licence"]),
        ("this is no python", "build", ["SyntaxError"]),
        (WORKING, "absent", ["AttributeError", "absent"]),
        (WORKING, "nothing", ["plugin_acme:nothing"]),
    ],
    ids=["missing import", "raises", "syntax", "absent", "not callable"],
)
def test_a_plugin_that_cannot_be_used_is_refused_with_the_reason(
    install: Install, source: str, attribute: str, facts: list[str]
) -> None:
    install("acme", "broken", source=source, attribute=attribute)
    plugins = ScorerPlugins.installed(allowed={"broken"})
    with pytest.raises(GateFailed) as caught:
        plugins.factory("broken")
    assert caught.value.gate == "scorer"
    assert not missing(caught.value.reason, *facts, "acme 1.5")
