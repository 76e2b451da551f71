import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import numpy as np
import pytest

from adapters.object_store import open_object_store
from domain.errors import InvalidRequest, StoreUnavailable
from domain.features import TARGET, Aggregation, Feature, FeatureSet, total_purchase_volume_30d
from domain.values import Window
from model_registry.errors import (
    CorruptRegistry,
    GateFailed,
    RevisionConflict,
    UnknownModel,
    UnknownObject,
    UnknownRevision,
    UnknownVersion,
)
from model_registry.registry import Registry
from model_registry.revisions import Action, Revision
from model_registry.verify import verify
from model_registry.versions import CalibrationBin, Candidate
from tests.builders import JPY, NOW, USD, missing
from tests.doubles.memory import ManualClock, MemoryObjectStore
from tests.registries import NAME, FragileStore, a_candidate, a_registry, golden_of, with_golden

WRITERS = 8
PROMOTES = 20


def registered(registry: Registry, versions: int) -> Registry:
    """The same registry with so many versions, each another model."""
    for weight in range(versions):
        registry.register(NAME, a_candidate(weight / 100), actor="tests")
    return registry


def promoted(registry: Registry, *versions: int) -> Registry:
    """The same registry after these promotions."""
    for version in versions:
        registry.promote(NAME, version, actor="tests", reason="it is better")
    return registry


def champions(registry: Registry) -> list[int]:
    return [revision.state.champion for revision in registry.history(NAME)]


def revision_key(number: int) -> str:
    return f"models/{NAME}/log/{number:08d}.json"


# Versions


def test_a_registered_version_reads_back_as_it_was() -> None:
    registry = a_registry()
    candidate = a_candidate()
    manifest = registry.register(NAME, candidate, actor="ada")

    assert registry.version(NAME, 1) == manifest
    assert (manifest.name, manifest.version) == (NAME, 1)
    assert (manifest.created_at, manifest.created_by) == (NOW, "ada")
    assert manifest.features.contract == candidate.features.contract
    assert manifest.features.names == candidate.features.names
    assert (manifest.metrics, manifest.facts) == (candidate.metrics, candidate.facts)
    assert manifest.calibration == candidate.calibration
    assert registry.blob(manifest.blobs["model"]) == candidate.blobs["model"]


def test_everything_lies_where_the_format_says() -> None:
    store = FragileStore()
    promoted(registered(a_registry(store), 1), 1)
    model = hashlib.sha256(b"0.0").hexdigest()
    assert {f"blobs/sha256/{model}", revision_key(1)} < store.everything().keys()
    assert f"models/{NAME}/versions/000001.json" in store.everything()


def test_versions_count_from_one_and_ten_comes_after_nine() -> None:
    registry = registered(a_registry(), 11)
    assert list(registry.versions(NAME)) == list(range(1, 12))


def test_equal_blobs_are_stored_once() -> None:
    store = FragileStore()
    registry = a_registry(store)
    for _ in range(2):
        registry.register(NAME, a_candidate(), actor="tests")
    assert len(store.keys("blobs/")) == 2
    assert list(registry.versions(NAME)) == [1, 2]


def test_numbers_of_every_numeric_type_are_registered_as_they_are() -> None:
    candidate = replace(
        a_candidate(),
        metrics={"auc": np.float32(0.5), "buyers": 3},  # type: ignore[dict-item]
        calibration=[CalibrationBin(np.int64(4), 0, np.float64(0.25))],  # type: ignore[arg-type]
    )
    manifest = a_registry().register(NAME, candidate, actor="tests")
    assert manifest.metrics == {"auc": 0.5, "buyers": 3.0}
    assert manifest.calibration == (CalibrationBin(4, 0.0, 0.25),)


def test_models_are_those_with_a_version() -> None:
    store = FragileStore()
    registry = a_registry(store)
    assert registry.models() == []
    for name in ("b", "a-1", "a"):
        registry.register(name, a_candidate(), actor="tests")
    store.put_if_absent("models/c/log/00000001.json", b"")
    assert registry.models() == ["a", "a-1", "b"]


@pytest.mark.parametrize("name", ["", "-a", "A", "a/b", "..", "a b", "ä", "a\n", "x" * 64])
def test_a_name_that_is_none_is_refused_everywhere(name: str) -> None:
    registry = a_registry()
    asked: list[Callable[[], object]] = [
        lambda: registry.register(name, a_candidate(), actor="tests"),
        lambda: registry.versions(name),
        lambda: registry.version(name, 1),
        lambda: registry.promote(name, 1, actor="tests", reason="why"),
        lambda: registry.rollback(name, actor="tests", reason="why"),
        lambda: registry.history(name),
        lambda: registry.current(name),
    ]
    for ask in asked:
        with pytest.raises(InvalidRequest) as caught:
            ask()
        assert caught.value.field == "name"


@pytest.mark.parametrize("name", ["a", "0", "purchase-propensity", "x" * 63])
def test_a_name_is_of_lower_case_letters_digits_and_hyphens(name: str) -> None:
    registry = a_registry()
    registry.register(name, a_candidate(), actor="tests")
    assert registry.models() == [name]


def test_a_model_or_version_nobody_registered_is_unknown() -> None:
    registry = a_registry()
    asked: list[Callable[[], object]] = [
        lambda: registry.versions(NAME),
        lambda: registry.history(NAME),
        lambda: registry.version(NAME, 1),
        lambda: registry.promote(NAME, 1, actor="tests", reason="why"),
    ]
    for ask in asked:
        with pytest.raises(UnknownModel, match=NAME):
            ask()
    registered(registry, 2)
    for number in (3, 0, -1):
        with pytest.raises(UnknownVersion) as caught:
            registry.version(NAME, number)
        assert not missing(caught.value, NAME, number, 2)


@pytest.mark.parametrize(
    ("change", "field", "fact"),
    [
        ({"metrics": {"auc": float("nan")}}, "candidate", "JSON"),
        ({"facts": {"when": object()}}, "candidate", "JSON"),
        ({"horizon_days": 0}, "candidate", "horizon_days"),
        ({"scorer_kind": ""}, "candidate", "scorer.kind"),
        ({"blobs": {"golden": b""}}, "blobs", "golden"),
        ({"blobs": {"held_out": b""}}, "blobs", "held_out"),
        ({"intervals": {"auc": (0.5, float("inf"))}}, "candidate", "JSON"),
        ({"intervals": {"auc": (0.5,)}}, "candidate", "JSON"),
        ({"golden": golden_of([], [])}, "candidate", "golden"),
        ({"golden": golden_of([[float("inf")]], [0.5])}, "candidate", "JSON"),
    ],
)
def test_a_candidate_that_would_not_read_back_is_refused_and_nothing_stored(
    change: dict[str, Any], field: str, fact: str
) -> None:
    store = FragileStore()
    with pytest.raises(InvalidRequest) as caught:
        a_registry(store).register(NAME, replace(a_candidate(), **change), actor="tests")
    assert caught.value.field == field
    assert not missing(caught.value.reason, fact)
    assert store.everything() == {}


def test_somebody_must_register() -> None:
    with pytest.raises(InvalidRequest) as caught:
        a_registry().register(NAME, a_candidate(), actor=" ")
    assert caught.value.field == "actor"


def test_a_blob_that_is_stored_damaged_is_not_built_upon() -> None:
    store = FragileStore()
    registry = registered(a_registry(store), 1)
    blob = f"blobs/sha256/{hashlib.sha256(b'0.0').hexdigest()}"
    store.overwrite(blob, b"0.1")
    with pytest.raises(CorruptRegistry) as caught:
        registered(registry, 1)
    assert caught.value.key == blob
    assert list(registry.versions(NAME)) == [1]


def test_a_manifest_that_lies_under_another_number_is_corrupt() -> None:
    store = FragileStore()
    registry = registered(a_registry(store), 2)
    first, second = (f"models/{NAME}/versions/{number:06d}.json" for number in (1, 2))
    store.overwrite(second, store.get(first))
    with pytest.raises(CorruptRegistry) as caught:
        registry.version(NAME, 2)
    assert caught.value.key == second
    assert not missing(caught.value.reason, "name", "version", NAME, 1)


def test_files_of_others_beside_the_manifests_do_not_count() -> None:
    store = FragileStore()
    registry = registered(a_registry(store), 1)
    for other in (".DS_Store", "000002.json.bak", "readme.json"):
        store.put_if_absent(f"models/{NAME}/versions/{other}", b"")
    assert list(registry.versions(NAME)) == [1]
    assert registered(registry, 1).versions(NAME) == [1, 2]


@pytest.mark.parametrize("silent", ["blobs/", f"models/{NAME}/versions/"])
def test_a_crash_while_registering_leaves_a_readable_registry(silent: str) -> None:
    store = FragileStore()
    registry = promoted(registered(a_registry(store), 1), 1)
    before = registry.version(NAME, 1)
    store.silent = (silent,)
    with pytest.raises(StoreUnavailable):
        registry.register(NAME, a_candidate(0.5), actor="tests")
    store.silent = ()

    assert (registry.versions(NAME), registry.models()) == ([1], [NAME])
    assert (registry.version(NAME, 1), champions(registry)) == (before, [1])
    assert registry.register(NAME, a_candidate(0.5), actor="tests").version == 2


# Promote


def test_a_promoted_version_is_the_champion_of_a_new_revision() -> None:
    registry = registered(a_registry(), 2)
    assert registry.current(NAME) is None
    registry.promote(NAME, 1, actor="ada", reason="the first")
    revision = registry.promote(NAME, 2, actor="bob", reason="better")

    assert registry.current(NAME) == revision
    assert (revision.number, revision.action, revision.at) == (2, Action.PROMOTE, NOW)
    assert (revision.actor, revision.reason) == ("bob", "better")
    assert champions(registry) == [1, 2]


@pytest.mark.parametrize("field", ["actor", "reason"])
@pytest.mark.parametrize("text", ["", " \n"])
def test_who_promotes_or_rolls_back_and_why_must_be_said(field: str, text: str) -> None:
    registry = promoted(registered(a_registry(), 2), 1, 2)
    said: dict[str, Any] = {"actor": "ada", "reason": "why", field: text}
    acts: list[Callable[[], object]] = [
        lambda: registry.promote(NAME, 1, **said),
        lambda: registry.rollback(NAME, **said),
    ]
    for act in acts:
        with pytest.raises(InvalidRequest) as caught:
            act()
        assert caught.value.field == field
    assert champions(registry) == [1, 2]


def test_a_version_that_fails_a_gate_is_never_promoted_nor_rolled_back_to() -> None:
    store = FragileStore()
    registry = promoted(registered(a_registry(store), 2), 1, 2)
    store.lose(f"blobs/sha256/{hashlib.sha256(b'0.0').hexdigest()}")
    acts: list[Callable[[], object]] = [
        lambda: registry.promote(NAME, 1, actor="ada", reason="why"),
        lambda: registry.rollback(NAME, actor="ada", reason="why"),
        lambda: registry.rollback(NAME, actor="ada", reason="why", to_revision=1),
    ]
    for act in acts:
        with pytest.raises(GateFailed) as caught:
            act()
        assert caught.value.gate == "integrity"
    assert champions(registry) == [1, 2]


def test_a_version_of_another_currency_is_never_promoted() -> None:
    registry = a_registry()
    candidate: Candidate = a_candidate(features=total_purchase_volume_30d(JPY))
    registry.register(NAME, candidate, actor="tests")
    with pytest.raises(GateFailed) as caught:
        promoted(registry, 1)
    assert caught.value.gate == "features"


def test_a_version_whose_scorer_gives_other_scores_is_never_promoted() -> None:
    registry = a_registry()
    registry.register(NAME, with_golden(a_candidate(), golden_of([[0.0]], [0.25])), actor="tests")
    with pytest.raises(GateFailed) as caught:
        promoted(registry, 1)
    assert caught.value.gate == "golden"
    assert registry.current(NAME) is None


def test_a_promote_that_expects_another_revision_changes_nothing() -> None:
    registry = registered(a_registry(), 2)
    registry.promote(NAME, 1, actor="ada", reason="why", expected_revision=0)
    for expected in (0, 2):
        with pytest.raises(RevisionConflict) as caught:
            registry.promote(NAME, 2, actor="bob", reason="why", expected_revision=expected)
        assert not missing(caught.value, 1, expected)
    assert champions(registry) == [1]
    registry.promote(NAME, 2, actor="bob", reason="why", expected_revision=1)
    assert champions(registry) == [1, 2]


class OvertakingStore(MemoryObjectStore):
    """A store in which somebody else appends a revision just before us, a number of times."""

    def __init__(self) -> None:
        super().__init__()
        self.overtake: Callable[[], object] = lambda: None
        self.times = 0

    def put_if_absent(self, key: str, content: bytes, /) -> bool:
        if "/log/" in key and self.times > 0:
            self.times -= 1
            others, self.times = self.times, 0
            self.overtake()
            self.times = others
        return super().put_if_absent(key, content)


def overtaken(times: int) -> Registry:
    """A registry at revision 3 (champions 1, 2, 3) whose next appends lose this many races."""
    store = OvertakingStore()
    registry = promoted(registered(a_registry(store), 4), 1, 2, 3)
    store.overtake = lambda: promoted(registry, 4)
    store.times = times
    return registry


def test_a_lost_race_is_a_conflict_for_who_expected_a_revision() -> None:
    registry = overtaken(1)
    with pytest.raises(RevisionConflict) as caught:
        registry.promote(NAME, 1, actor="ada", reason="why", expected_revision=3)
    assert not missing(caught.value, 4, 3)
    assert champions(registry) == [1, 2, 3, 4]


def test_who_expects_no_revision_looks_again_after_a_lost_race() -> None:
    registry = overtaken(2)
    assert registry.promote(NAME, 1, actor="ada", reason="why").number == 6
    assert champions(registry) == [1, 2, 3, 4, 4, 1]


def test_a_rollback_that_was_overtaken_does_not_undo_what_it_never_saw() -> None:
    registry = overtaken(1)
    with pytest.raises(RevisionConflict) as caught:
        registry.rollback(NAME, actor="ada", reason="why")
    assert not missing(caught.value, 4, 3)
    assert champions(registry) == [1, 2, 3, 4]


def test_a_rollback_to_a_named_revision_holds_whoever_comes_before() -> None:
    registry = overtaken(1)
    registry.rollback(NAME, actor="ada", reason="why", to_revision=1)
    assert champions(registry) == [1, 2, 3, 4, 1]


def test_races_lost_for_ever_end_in_a_conflict() -> None:
    class Occupied(MemoryObjectStore):
        """Somebody else is always first."""

        def put_if_absent(self, key: str, content: bytes, /) -> bool:
            if "/log/" not in key:
                return super().put_if_absent(key, content)
            others = replace(Revision.decode(key, content), actor="somebody else")
            return not super().put_if_absent(key, others.encode())

    registry = registered(a_registry(Occupied()), 1)
    with pytest.raises(RevisionConflict) as caught:
        promoted(registry, 1)
    assert not missing(caught.value, 1000, NAME)


@pytest.mark.full
@pytest.mark.parametrize("kind", ["memory", "folder"])
def test_promotes_of_many_writers_are_all_in_the_log(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = str(tmp_path_factory.mktemp("registry"))
    registry = a_registry(None if kind == "memory" else open_object_store(folder))
    registered(registry, WRITERS)
    start = Barrier(WRITERS)

    def promote(writer: int) -> list[int]:
        start.wait()
        return [
            registry.promote(NAME, writer, actor=f"writer-{writer}", reason=str(turn)).number
            for turn in range(PROMOTES)
        ]

    with ThreadPoolExecutor(WRITERS) as pool:
        answered = list(pool.map(promote, range(1, WRITERS + 1)))

    history = registry.history(NAME)
    assert [revision.number for revision in history] == list(range(1, WRITERS * PROMOTES + 1))
    for writer, numbers in enumerate(answered, start=1):
        mine = [revision for revision in history if revision.actor == f"writer-{writer}"]
        assert [revision.number for revision in mine] == numbers
        assert [revision.reason for revision in mine] == [str(turn) for turn in range(PROMOTES)]
        assert {revision.state.champion for revision in mine} == {writer}


def test_versions_of_many_writers_get_distinct_numbers() -> None:
    registry = a_registry()
    start = Barrier(WRITERS)

    def register(writer: int) -> list[int]:
        start.wait()
        candidate = a_candidate(writer / 100)
        return [registry.register(NAME, candidate, actor="tests").version for _ in range(5)]

    with ThreadPoolExecutor(WRITERS) as pool:
        numbers = [number for answer in pool.map(register, range(WRITERS)) for number in answer]
    assert sorted(numbers) == list(registry.versions(NAME)) == list(range(1, WRITERS * 5 + 1))


def test_clocks_that_disagree_change_nothing() -> None:
    store = MemoryObjectStore()
    ahead = registered(a_registry(store), 2)
    behind = replace(ahead, clock=ManualClock(NOW - 10**12))
    promoted(ahead, 1)
    promoted(behind, 2)
    assert champions(ahead) == [1, 2]
    current = ahead.current(NAME)
    assert current is not None
    assert current.state.champion == 2


# Rollback


def test_a_rollback_restores_the_champion_before() -> None:
    registry = promoted(registered(a_registry(), 2), 1, 2, 2)
    revision = registry.rollback(NAME, actor="ada", reason="worse")
    assert (revision.number, revision.action) == (4, Action.ROLLBACK)
    assert champions(registry) == [1, 2, 2, 1]


def test_a_second_rollback_undoes_the_first() -> None:
    registry = promoted(registered(a_registry(), 3), 1, 2, 3)
    for _ in range(2):
        registry.rollback(NAME, actor="ada", reason="why")
    assert champions(registry) == [1, 2, 3, 2, 3]


def test_a_rollback_can_name_its_revision() -> None:
    registry = promoted(registered(a_registry(), 3), 1, 2, 3)
    registry.rollback(NAME, actor="ada", reason="why", to_revision=1)
    assert champions(registry) == [1, 2, 3, 1]


def test_there_must_be_something_to_roll_back_to() -> None:
    registry = registered(a_registry(), 1)
    with pytest.raises(UnknownRevision, match=NAME):
        registry.rollback(NAME, actor="ada", reason="why")
    promoted(registry, 1, 1)
    with pytest.raises(UnknownRevision) as caught:
        registry.rollback(NAME, actor="ada", reason="why")
    assert not missing(caught.value, NAME, 1)
    for number in (0, 3):
        with pytest.raises(UnknownRevision) as caught:
            registry.rollback(NAME, actor="ada", reason="why", to_revision=number)
        assert not missing(caught.value, NAME, number)
    assert champions(registry) == [1, 1]


# History


def test_before_the_first_promotion_the_history_is_empty() -> None:
    assert list(registered(a_registry(), 1).history(NAME)) == []


def test_a_gap_in_the_log_is_corrupt() -> None:
    store = FragileStore()
    registry = promoted(registered(a_registry(store), 2), 1, 2, 1)
    store.lose(revision_key(2))
    reads: list[Callable[[], object]] = [
        lambda: registry.history(NAME),
        lambda: registry.current(NAME),
        lambda: promoted(registry, 2),
    ]
    for read in reads:
        with pytest.raises(CorruptRegistry) as caught:
            read()
        assert caught.value.key == revision_key(2)


def test_a_log_without_its_beginning_is_corrupt() -> None:
    store = FragileStore()
    registry = promoted(registered(a_registry(store), 2), 1, 2)
    store.lose(revision_key(1))
    with pytest.raises(CorruptRegistry) as caught:
        registry.history(NAME)
    assert caught.value.key == revision_key(1)


def test_a_revision_that_was_changed_later_is_corrupt() -> None:
    store = FragileStore()
    registry = promoted(registered(a_registry(store), 2), 1, 2)
    content = store.get(revision_key(1))
    store.overwrite(revision_key(1), content.replace(b"it is better", b"it is bitter"))
    for read in (registry.history, registry.current):
        with pytest.raises(CorruptRegistry) as caught:
            read(NAME)
        assert caught.value.key == revision_key(2)
        assert not missing(caught.value.reason, "previous_sha256")


def test_every_cut_of_a_revision_is_corrupt() -> None:
    store = FragileStore()
    registry = promoted(registered(a_registry(store), 1), 1)
    content = store.get(revision_key(1))
    for length in range(0, len(content), 7):
        store.overwrite(revision_key(1), content[:length])
        with pytest.raises(CorruptRegistry) as caught:
            registry.history(NAME)
        assert caught.value.key == revision_key(1)
        assert not missing(caught.value.reason, "JSON")


def test_a_revision_that_lies_under_another_number_is_corrupt() -> None:
    store = FragileStore()
    registry = promoted(registered(a_registry(store), 1), 1, 1)
    store.overwrite(revision_key(2), store.get(revision_key(1)))
    with pytest.raises(CorruptRegistry) as caught:
        registry.history(NAME)
    assert caught.value.key == revision_key(2)
    assert not missing(caught.value.reason, "number", 1)


def test_a_blob_nobody_stored_is_unknown() -> None:
    store = FragileStore()
    manifest = a_registry(store).register(NAME, a_candidate(), actor="tests")
    with pytest.raises(UnknownObject):
        a_registry().blob(manifest.blobs["model"])


CHANGES: dict[str, Callable[[Registry], object]] = {
    "promote": lambda r: r.promote(NAME, 2, actor="tests", reason="why"),
    "rollback": lambda r: r.rollback(NAME, actor="tests", reason="why"),
    "split": lambda r: r.split(NAME, 2, basis_points=500, actor="tests", reason="why"),
    "shadow": lambda r: r.shadow(NAME, [2], actor="tests", reason="why"),
}


class Killed(BaseException):
    """The process is gone: nothing that it would have done after this is done."""


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_writer_killed_at_any_step_leaves_a_readable_registry(
    change: Callable[[Registry], object],
) -> None:
    class Mortal(FragileStore):
        calls_left = 10**6

        def _answer(self, key: str) -> None:
            type(self).calls_left -= 1
            if type(self).calls_left < 0:
                raise Killed(key)

        def put_if_absent(self, key: str, content: bytes, /) -> bool:
            written = super().put_if_absent(key, content)
            self._answer(key)  # also just after it
            return written

    store = Mortal()
    registry = promoted(registered(a_registry(store), 3), 3, 1)
    before, sound = registry.history(NAME), store.everything()
    for steps in range(100):
        store.restore(sound)
        Mortal.calls_left = steps
        killed = False
        try:
            change(registry)
        except Killed:
            killed = True
        Mortal.calls_left = 10**6
        after = registry.history(NAME)
        assert list(after[:2]) == list(before)
        assert len(after) in {2, 3}
        assert verify(registry, NAME).findings == []
        if not killed:
            assert len(after) == 3
            break
    else:
        pytest.fail("it never got through")
    assert steps > 3


def test_versions_of_a_model_all_say_the_same_of_a_customer() -> None:
    registry = a_registry(FragileStore())
    registry.register(NAME, a_candidate(0.1), actor="tests")
    within = FeatureSet((Feature(Aggregation.PURCHASE_COUNT, Window.days(30), TARGET),), USD)
    other = replace(a_candidate(0.1), features=within)
    with pytest.raises(InvalidRequest, match="another name"):
        registry.register(NAME, other, actor="tests")
    assert registry.versions(NAME) == [1]
    assert registry.register("within", other, actor="tests").targeted
    with pytest.raises(InvalidRequest, match="another name"):
        registry.register("within", a_candidate(0.1), actor="tests")


@pytest.mark.parametrize("worse_by", [0.0, 0.3])
def test_findings_are_what_a_promotion_would_see_and_change_nothing(worse_by: float) -> None:
    registry = a_registry()
    for log_loss in (0.4, 0.4 + worse_by):
        metrics = {"log_loss": log_loss, "base_rate_log_loss": 0.7}
        registry.register(NAME, replace(a_candidate(), metrics=metrics), actor="tests")
    registry.promote(NAME, 1, actor="tests", reason="why")
    found = [(each.gate, each.passed) for each in registry.findings(NAME, 2)]
    assert len(registry.history(NAME)) == 1
    promoted = registry.promote(NAME, 2, actor="tests", reason="why", force=True)
    assert found == [(each.gate, each.passed) for each in promoted.gates]
    assert promoted.forced == (worse_by > 0)


def test_findings_of_what_cannot_be_loaded_are_the_gate_that_ends_it() -> None:
    registry = a_registry()
    matrix = a_candidate().golden.matrix
    wrong = with_golden(a_candidate(), golden_of(matrix, [0.5] * len(matrix)))
    registry.register(NAME, wrong, actor="tests")
    assert [(each.gate, each.passed) for each in registry.findings(NAME, 1)] == [("golden", False)]
