import gc
import hashlib
import weakref
from collections.abc import Callable
from dataclasses import replace

import pytest

from domain.errors import InvalidRequest, NoLiveModel
from domain.features import total_purchase_volume_30d
from domain.prediction import Traffic
from model_registry.errors import GateFailed, UnknownVersion
from model_registry.registry import Registry
from model_registry.serving import LiveModel, LiveModels
from model_registry.serving.live import load
from tests.builders import USD, missing
from tests.registries import NAME, FragileStore, LogisticScorer, a_candidate, a_registry


def a_history(store: FragileStore, *champions: int) -> Registry:
    """A registry with three versions of weights 0.1, 0.2 and 0.3, and these promotions."""
    registry = a_registry(store)
    for version in (1, 2, 3):
        registry.register(NAME, a_candidate(version / 10), actor="tests")
    for version in champions:
        registry.promote(NAME, version, actor="tests", reason="why")
    return registry


def started(registry: Registry) -> LiveModel:
    live = LiveModel(registry, NAME)
    live.start()
    return live


def blob_of(version: int) -> str:
    return f"blobs/sha256/{hashlib.sha256(repr(version / 10).encode()).hexdigest()}"


def revision_key(number: int) -> str:
    return f"models/{NAME}/log/{number:08d}.json"


def manifest_key(version: int) -> str:
    return f"models/{NAME}/versions/{version:06d}.json"


def serving(live: LiveModel) -> tuple[int, int]:
    """The version and the revision that serve."""
    return serving_of(live.snapshot())


def serving_of(traffic: Traffic) -> tuple[int, int]:
    """The version and the revision of a snapshot."""
    return traffic.champion.version, traffic.revision


def why_none(live: LiveModel) -> str:
    with pytest.raises(NoLiveModel) as caught:
        live.snapshot()
    return str(caught.value)


def test_a_champion_loads_as_it_was_registered() -> None:
    registry = a_history(FragileStore(), 1, 2)
    model = load(registry, NAME, registry.history(NAME)[-1]).champion
    assert (model.name, model.version, model.revision, model.horizon_days) == (NAME, 2, 2, 30)
    assert model.features == total_purchase_volume_30d(USD)
    assert isinstance(model.scorer, LogisticScorer)
    assert model.scorer.weight == 0.2


def test_a_champion_that_is_gone_or_refused_does_not_load() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2)
    first, second = registry.history(NAME)
    store.lose(manifest_key(1))
    with pytest.raises(UnknownVersion):
        load(registry, NAME, first)
    store.lose(blob_of(2))
    with pytest.raises(GateFailed):
        load(registry, NAME, second)


def test_a_manifest_changed_since_its_promotion_does_not_load() -> None:
    store = FragileStore()
    registry = a_history(store, 2)
    (revision,) = registry.history(NAME)
    changed = replace(registry.version(NAME, 2), horizon_days=90).encode()
    store.lose(manifest_key(2))
    store.put_if_absent(manifest_key(2), changed)
    with pytest.raises(GateFailed, match=manifest_key(2)) as caught:
        load(registry, NAME, revision)
    assert caught.value.gate == "integrity"


def test_a_version_rolled_back_from_is_never_gone_back_to() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2)
    registry.rollback(NAME, actor="tests", reason="2 gives wrong answers")
    store.lose(blob_of(1))
    live = started(registry)
    assert blob_of(1) in why_none(live)


def test_the_champion_of_the_newest_revision_serves() -> None:
    live = started(a_history(FragileStore(), 1, 3, 2))
    assert serving(live) == (2, 3)
    assert live.problems == ()


def test_a_request_keeps_the_snapshot_it_took() -> None:
    registry = a_history(FragileStore(), 1)
    live = started(registry)
    taken = live.snapshot()
    assert live.snapshot() is taken
    registry.promote(NAME, 2, actor="tests", reason="why")
    live.start()
    assert (taken.champion.version, serving(live)) == (1, (2, 2))


def test_a_version_dies_when_the_last_request_that_took_it_ends() -> None:
    registry = a_history(FragileStore(), 1)
    live = started(registry)
    taken = live.snapshot()
    scorer = weakref.ref(taken.champion.scorer)
    registry.promote(NAME, 2, actor="tests", reason="why")
    live.refresh()
    gc.collect()
    assert serving(live) == (2, 2)
    assert scorer() is taken.champion.scorer
    del taken
    gc.collect()
    assert scorer() is None


def test_each_failure_to_load_is_told_and_which_revisions_there_are() -> None:
    store, failures = FragileStore(), list[str]()
    registry = a_history(store, 1, 2)
    live = LiveModel(registry, NAME, failed=lambda: failures.append("failed"))
    assert (live.newest, live.made_at) == (0, None)
    live.start()
    first, second = registry.history(NAME)
    assert (live.newest, live.made_at, failures) == (2, second.at, [])
    registry.promote(NAME, 3, actor="tests", reason="why")
    store.lose(blob_of(3))
    live.refresh()
    live.refresh(retry=False)  # is not tried
    assert (live.newest, live.made_at, len(failures)) == (3, second.at, 1)
    live.refresh()
    assert len(failures) == 2
    fresh = LiveModel(registry, NAME, failed=lambda: failures.append("failed"))
    store.lose(blob_of(2))
    fresh.start()
    assert (fresh.newest, fresh.made_at, len(failures)) == (3, first.at, 4)


def test_before_it_is_started_nothing_serves() -> None:
    assert "propensity train" in why_none(LiveModel(a_history(FragileStore(), 1), NAME))


@pytest.mark.parametrize("registry", [a_registry(), a_history(FragileStore())], ids=["", "none"])
def test_without_a_promotion_the_commands_to_run_are_named(registry: Registry) -> None:
    live = started(registry)
    why = why_none(live)

    assert "propensity train" in why
    assert f"propensity models promote {NAME} VERSION --reason WHY" in why
    assert live.problems == ()


def test_a_champion_that_does_not_load_gives_way_to_the_one_before() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2, 3, 2, 3)
    store.lose(blob_of(3))
    live = started(registry)
    assert serving(live) == (2, 4)
    assert len(live.problems) == 1
    assert not missing(live.problems[0], 5, 3, "integrity", blob_of(3))


def test_each_version_is_tried_once() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2, 3, 2, 3)
    store.lose(blob_of(3))
    store.overwrite(f"models/{NAME}/versions/000002.json", b"{")
    live = started(registry)
    assert serving(live) == (1, 1)
    newer, older = live.problems
    assert not missing(newer, 5, 3)
    assert not missing(older, 4, 2)


def test_when_no_champion_loads_every_reason_is_told() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2)
    store.lose(blob_of(1))
    store.lose(f"models/{NAME}/versions/000002.json")
    live = started(registry)
    why = why_none(live)
    assert len(live.problems) == 2
    assert all(problem in why for problem in live.problems)
    assert "propensity train" in why
    assert "propensity models promote" in why


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda store: store.overwrite(revision_key(3), b"{"), (2, 2)),
        (lambda store: store.lose(revision_key(2)), (1, 1)),
        (lambda store: store.overwrite(revision_key(2), store.get(revision_key(1))), (1, 1)),
    ],
    ids=["truncated", "gap", "wrong previous hash"],
)
def test_a_damaged_revision_gives_way_to_a_sound_one(
    damage: object, expected: tuple[int, int]
) -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2, 3)
    assert callable(damage)
    damage(store)
    live = started(registry)
    assert serving(live) == expected
    assert not missing(live.problems[0], 3)
    assert f"models/{NAME}/log/0000000" in live.problems[0]


def test_a_store_that_does_not_answer_is_no_reason_to_go_back() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2)
    store.silent = (blob_of(2),)
    live = started(registry)
    assert blob_of(2) in why_none(live)

    store.silent = ()
    live.start()
    assert (serving(live), live.problems) == ((2, 2), ())


def test_what_serves_goes_on_when_a_later_start_fails() -> None:
    store = FragileStore()
    registry = a_history(store, 1)
    live = started(registry)
    store.silent = ("models/",)
    live.start()
    assert serving(live) == (1, 1)
    assert len(live.problems) == 1

    store.silent = ()
    store.lose(blob_of(1))
    live.start()
    assert serving(live) == (1, 1)
    assert len(live.problems) == 1


def test_a_promotion_is_served_after_the_next_refresh() -> None:
    registry = a_history(FragileStore(), 1)
    live = started(registry)
    before = live.snapshot()
    live.refresh()
    assert live.snapshot() is before
    registry.promote(NAME, 3, actor="tests", reason="why")
    registry.promote(NAME, 2, actor="tests", reason="why")
    live.refresh()
    assert (serving(live), live.problems) == ((2, 3), ())
    assert serving_of(before) == (1, 1)


def test_a_rollback_is_served_after_the_next_refresh() -> None:
    registry = a_history(FragileStore(), 1, 2)
    live = started(registry)
    registry.rollback(NAME, actor="tests", reason="worse")
    live.refresh()
    assert serving(live) == (1, 3)


def test_the_first_promotion_is_served_after_the_next_refresh() -> None:
    registry = a_history(FragileStore())
    live = started(registry)
    live.refresh()
    assert f"propensity models promote {NAME}" in why_none(live)
    registry.promote(NAME, 2, actor="tests", reason="why")
    live.refresh()
    assert serving(live) == (2, 1)


DAMAGE: dict[str, Callable[[FragileStore], None]] = {
    "flipped byte": lambda store: store.overwrite(blob_of(2), b"0.7"),
    "missing blob": lambda store: store.lose(blob_of(2)),
    "truncated manifest": lambda store: store.overwrite(manifest_key(2), b'{"schema"'),
    "missing manifest": lambda store: store.lose(manifest_key(2)),
    "truncated revision": lambda store: store.overwrite(revision_key(2), b"{"),
    "wrong previous hash": lambda store: store.overwrite(
        revision_key(2), store.get(revision_key(1))
    ),
    "silent store": lambda store: setattr(store, "silent", ("models/",)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_what_cannot_be_loaded_leaves_the_old_version_serving_until_it_can(
    damage: Callable[[FragileStore], None],
) -> None:
    store = FragileStore()
    registry = a_history(store, 1)
    live = started(registry)
    before = live.snapshot()
    registry.promote(NAME, 2, actor="tests", reason="why")
    sound = store.everything()
    damage(store)
    for _ in range(2):
        live.refresh()
        assert live.snapshot() is before
        assert len(live.problems) == 1
        assert not missing(live.problems[0], 1)
    store.silent = ()
    store.restore(sound)
    live.refresh()
    assert (serving(live), live.problems) == ((2, 2), ())


def test_what_could_not_be_loaded_is_tried_again_only_when_told_to() -> None:
    store = FragileStore()
    registry = a_history(store, 1)
    live = started(registry)
    registry.promote(NAME, 2, actor="tests", reason="why")
    sound = store.everything()
    store.lose(blob_of(2))
    live.refresh(retry=False)
    (problem,) = live.problems
    store.restore(sound)
    live.refresh(retry=False)
    assert (serving(live), live.problems) == ((1, 1), (problem,))
    live.refresh(retry=True)
    assert (serving(live), live.problems) == ((2, 2), ())


def test_a_rollback_does_not_wait_until_the_damaged_revision_is_tried_again() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2)
    live = started(registry)
    registry.promote(NAME, 3, actor="tests", reason="why")
    store.lose(blob_of(3))
    live.refresh(retry=False)
    registry.rollback(NAME, actor="tests", reason="3 is damaged")
    live.refresh(retry=False)
    assert (serving(live), live.problems) == ((2, 4), ())


def test_without_anything_to_serve_it_is_tried_again_only_when_told_to() -> None:
    store = FragileStore()
    registry = a_history(store, 1)
    sound = store.everything()
    store.lose(blob_of(1))
    live = LiveModel(registry, NAME)
    live.refresh()
    store.restore(sound)
    live.refresh(retry=False)
    assert blob_of(1) in why_none(live)
    live.refresh()
    assert serving(live) == (1, 1)


def test_a_newer_revision_mends_what_the_one_before_could_not_load() -> None:
    store = FragileStore()
    registry = a_history(store, 1, 2)
    live = started(registry)
    registry.promote(NAME, 3, actor="tests", reason="why")
    store.lose(blob_of(3))
    live.refresh()
    assert (serving(live)[0], len(live.problems)) == (2, 1)
    registry.rollback(NAME, actor="tests", reason="3 is damaged")
    live.refresh()
    assert (serving(live), live.problems) == ((2, 4), ())


def test_a_name_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        LiveModel(a_registry(), "A model").start()
    assert caught.value.field == "name"


def test_a_process_of_another_currency_serves_nothing() -> None:
    store = FragileStore()
    gates = replace(a_history(store, 1).gates, currency=replace(USD, code="EUR"))
    live = started(replace(a_registry(store), gates=gates))
    assert not missing(why_none(live), "features", "USD", "EUR")


def test_a_challenger_that_does_not_load_refuses_the_whole_revision() -> None:
    store = FragileStore()
    registry = a_history(store, 1)
    live = started(registry)
    registry.split(NAME, 2, basis_points=500, actor="tests", reason="why")
    sound = store.everything()
    store.lose(blob_of(2))
    live.refresh()
    assert live.snapshot().challenger is None
    assert blob_of(2) in live.problems[0]
    store.restore(sound)
    live.refresh()
    assert (live.snapshot().label, live.problems) == ("1 2@500", ())


def test_a_shadow_that_does_not_load_is_left_out_and_told_for_as_long_as_it_is() -> None:
    store = FragileStore()
    registry = a_history(store, 1)
    live = started(registry)
    registry.shadow(NAME, [2, 3], actor="tests", reason="why")
    store.lose(blob_of(2))
    fresh = started(registry)
    live.refresh()
    for each in (live, fresh):
        each.refresh()
        assert [shadow.version for shadow in each.snapshot().shadows] == [3]
        (problem,) = each.problems
        assert not missing(problem, 2, "integrity", blob_of(2))
    registry.shadow(NAME, [], actor="tests", reason="why")
    live.refresh()
    assert (live.snapshot().shadows, live.problems) == ((), ())


def test_promoting_the_challenger_ends_the_split_and_a_rollback_brings_it_back() -> None:
    registry = a_history(FragileStore(), 1)
    registry.split(NAME, 2, basis_points=500, actor="tests", reason="try")
    registry.promote(NAME, 2, actor="tests", reason="better")
    live = started(registry)
    assert live.snapshot().label == "2"
    registry.rollback(NAME, actor="tests", reason="worse")
    live.refresh()
    assert live.snapshot().label == "1 2@500"


@pytest.mark.parametrize("kept", [0, 1])
def test_a_registry_that_went_back_is_told_and_what_served_goes_on(kept: int) -> None:
    store = FragileStore()
    live = started(a_history(store, 1, 3, 2))
    lost = {number: store.get(revision_key(number)) for number in range(kept + 1, 4)}
    for number in lost:
        store.lose(revision_key(number))
    live.refresh()
    (problem,) = live.problems
    assert serving(live) == (2, 3)
    assert not missing(problem, 3, *[1] * kept)
    for number, content in lost.items():
        store.put_if_absent(revision_key(number), content)
    live.refresh()
    assert live.problems == ()


def test_several_models_serve_side_by_side() -> None:
    registry = a_history(FragileStore(), 2)
    registry.register("other", a_candidate(0.1), actor="tests")
    registry.promote("other", 1, actor="tests", reason="why")
    live = LiveModels(registry, [NAME, "other", "new"])
    live.start()
    assert serving_of(live.snapshot()) == serving_of(live.snapshot(NAME)) == (2, 1)
    assert live.snapshot("other").name == "other"
    with pytest.raises(NoLiveModel):
        live.snapshot("new")
    with pytest.raises(InvalidRequest, match="other"):
        live.snapshot("unknown")
    assert live.problems == []


def test_a_process_serves_one_model_at_least() -> None:
    with pytest.raises(ValueError, match="one model"):
        LiveModels(a_history(FragileStore()), [])


def test_what_a_version_says_of_its_coefficients_explains_its_predictions() -> None:
    facts = {
        "coefficients": {"total_purchase_volume_30d": 0.5},
        "feature_means": {"total_purchase_volume_30d": 10.0},
        "intercept": -1.0,
        "training_base_rate": 0.25,
    }
    registry = a_registry(FragileStore())
    registry.register(NAME, replace(a_candidate(0.1), facts=facts), actor="tests")
    registry.register(NAME, replace(a_candidate(0.1), facts=facts | {"intercept": "x"}), actor="t")
    explained: list[bool] = []
    for version in (1, 2):
        registry.promote(NAME, version, actor="tests", reason="why")
        explained.append(started(registry).snapshot().champion.facts is not None)
    assert explained == [True, False]
