from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import accumulate, cycle

import pytest

from model_registry.errors import GateFailed
from model_registry.gates import Admission
from model_registry.gates.admission import LATENCY_BUDGET_S, QUALITY_MARGIN
from model_registry.registry import Registry
from model_registry.versions import Candidate
from tests.builders import missing
from tests.doubles.memory import MemoryObjectStore
from tests.registries import NAME, FragileStore, a_candidate, a_registry


def skilled(skill: float) -> Candidate:
    """A candidate with so much skill on its held-out customers."""
    return replace(
        a_candidate(), metrics={"log_loss": 0.5 * (1 - skill), "base_rate_log_loss": 0.5}
    )


def a_stopwatch(each_s: float) -> Iterator[float]:
    """Instants between which every second step takes so long."""
    return accumulate(cycle([0.0, each_s]))


def a_registry_of(*candidates: Candidate, each_s: float = 0.0) -> Registry:
    """Its versions, the first of which is the champion; a score seems to take `each_s` seconds."""
    registry = a_registry()
    for candidate in candidates:
        registry.register(NAME, candidate, actor="tests")
    registry.promote(NAME, 1, actor="tests", reason="first")
    watch = a_stopwatch(each_s)
    return replace(registry, admission=Admission(seconds=lambda: next(watch)))


def promote(registry: Registry, *, force: bool = False) -> dict[str, bool]:
    """What the gates said of version 2, which is the champion now."""
    revision = registry.promote(NAME, 2, actor="tests", reason="better", force=force)
    assert registry.current(NAME) == revision
    return {result.gate: result.passed for result in revision.gates if result.version == 2}


def test_a_revision_keeps_what_every_gate_saw() -> None:
    registry = a_registry_of(skilled(0.3), skilled(0.31))
    assert promote(registry) == dict.fromkeys(
        ["integrity", "safety", "features", "golden", "quality", "latency"], True
    )
    revision = registry.history(NAME)[-1]
    assert not revision.forced
    details = {result.gate: result.detail for result in revision.gates}
    assert not missing(details["quality"], "0.310", 1, "0.300")
    assert not missing(details["latency"], 0)


@pytest.mark.parametrize("less", [0.0, QUALITY_MARGIN - 1e-9, -0.5])
def test_a_version_about_as_good_as_the_champion_is_admitted(less: float) -> None:
    assert promote(a_registry_of(skilled(0.3), skilled(0.3 - less)))["quality"]


@pytest.mark.parametrize("worse", [skilled(0.3 - QUALITY_MARGIN - 1e-9), a_candidate()])
def test_a_worse_version_is_refused_unless_forced(worse: Candidate) -> None:
    registry = a_registry_of(skilled(0.3), worse)
    with pytest.raises(GateFailed, match="--force") as caught:
        promote(registry)
    assert caught.value.gate == "quality"
    assert [revision.state.champion for revision in registry.history(NAME)] == [1]
    assert promote(registry, force=True)["quality"] is False
    assert registry.history(NAME)[-1].forced


def test_a_version_within_the_latency_budget_is_admitted() -> None:
    assert promote(a_registry_of(skilled(0.3), skilled(0.3), each_s=LATENCY_BUDGET_S * 0.999))


def test_a_slow_version_is_refused_unless_forced() -> None:
    registry = a_registry_of(skilled(0.3), skilled(0.3), each_s=LATENCY_BUDGET_S * 1.001)
    with pytest.raises(GateFailed, match="--force") as caught:
        promote(registry)
    assert caught.value.gate == "latency"
    assert not missing(caught.value.reason, "5.01", 5)
    assert promote(registry, force=True)["latency"] is False


class Overtaken(MemoryObjectStore):
    """A store in which somebody else is once just before us."""

    overtake: Callable[[], object] | None = None

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        overtake = self.overtake
        if overtake is not None and "/log/" in key:
            self.overtake = None
            overtake()
        return super().put_if_absent(key, content)


def test_a_champion_that_came_in_between_is_the_one_to_be_as_good_as() -> None:
    store = Overtaken()
    registry = a_registry(store)
    for skill in (0.1, 0.1, 0.4):
        registry.register(NAME, skilled(skill), actor="tests")
    registry.promote(NAME, 1, actor="tests", reason="first")
    store.overtake = lambda: registry.promote(NAME, 3, actor="another", reason="much better")
    with pytest.raises(GateFailed) as caught:
        registry.promote(NAME, 2, actor="tests", reason="as good as 1")
    assert caught.value.gate == "quality"
    assert not missing(caught.value.reason, "0.100", 3, "0.400")
    assert [revision.state.champion for revision in registry.history(NAME)] == [1, 3]


def test_force_overrules_no_gate_of_loading() -> None:
    store = FragileStore()
    registry = a_registry(store)
    manifest = registry.register(NAME, a_candidate(), actor="tests")
    store.overwrite(f"blobs/sha256/{manifest.blobs['model'].sha256}", b"0.02")
    with pytest.raises(GateFailed, match=manifest.blobs["model"].sha256) as caught:
        registry.promote(NAME, 1, actor="tests", reason="why", force=True)
    assert caught.value.gate == "integrity"
    assert registry.current(NAME) is None


def test_a_champion_that_cannot_be_read_keeps_nobody_from_promoting_another() -> None:
    store = FragileStore()
    registry = a_registry(store)
    for skill in (0.3, 0.1):
        registry.register(NAME, skilled(skill), actor="tests")
    registry.promote(NAME, 1, actor="tests", reason="first")
    store.overwrite(f"models/{NAME}/versions/000001.json", b"{}")
    revision = registry.promote(NAME, 2, actor="tests", reason="the other is gone")
    (quality,) = [result for result in revision.gates if result.gate == "quality"]
    assert quality.passed


def test_going_back_is_judged_by_the_gates_of_loading_alone() -> None:
    registry = a_registry_of(skilled(0.1), skilled(0.3))
    promote(registry)
    revision = registry.rollback(NAME, actor="tests", reason="complaints")
    assert [result.gate for result in revision.gates] == [
        "integrity",
        "safety",
        "features",
        "golden",
    ]
