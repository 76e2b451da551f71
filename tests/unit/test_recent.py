import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.features import FeatureSet, Histories
from domain.purchases import Lifetime, Purchase, PurchaseColumns
from domain.recent import RecentHistory
from domain.retention import SLACK_DAYS, Retention
from domain.values import Reach, Window, day_of
from domain.values.instant import MICROS_PER_HOUR
from tests.builders import DAY, NOW
from tests.profiles import examples
from tests.strategies import feature_sets, histories, instants, windows

TODAY = day_of(NOW)
MIDNIGHT = TODAY * DAY


def recent(complete_since: int, *overflow_days: int) -> RecentHistory:
    return RecentHistory(
        customer_id="customer-1",
        complete_since=complete_since,
        purchases=PurchaseColumns.of([]),
        overflow_days=frozenset(overflow_days),
    )


@pytest.mark.parametrize(
    ("moment", "day"), [(0, 0), (-1, -1), (DAY - 1, 0), (DAY, 1), (MIDNIGHT - 1, TODAY - 1)]
)
def test_a_day_begins_at_midnight_utc(moment: int, day: int) -> None:
    assert day_of(moment) == day


@pytest.mark.parametrize(
    ("window", "days"),
    [
        (Window.days(30), 32),
        (Window(30 * DAY + 1), 33),
        (Window(36 * MICROS_PER_HOUR), 4),
        (Window(1), 3),
    ],
)
def test_retention_is_the_window_in_whole_days_and_slack(window: Window, days: int) -> None:
    assert Retention.covering(window) == Retention(days)


def test_a_write_keeps_today_and_the_days_of_retention_before() -> None:
    assert Retention(32).oldest_day(MIDNIGHT) == TODAY - 32
    assert Retention(32).oldest_day(MIDNIGHT - 1) == TODAY - 33


def test_a_read_trusts_what_a_writer_whose_clock_is_a_day_ahead_has_kept() -> None:
    retention = Retention(32)
    assert retention.complete_since(NOW) == retention.oldest_day(NOW + DAY)


@given(windows, instants, st.integers(0, (SLACK_DAYS - 1) * DAY))
def test_retention_answers_its_window_for_every_as_of_of_the_last_day(
    window: Window, now: int, lag: int
) -> None:
    kept = recent(Retention.covering(window).complete_since(now))
    assert kept.answers(Reach(window), now - lag)


writes = st.lists(st.tuples(st.integers(0, 120), st.sampled_from([10, 20, 40])), max_size=12)


@given(writes, st.integers(0, 150), st.sampled_from([10, 20, 40]))
@settings(max_examples=examples(1_000))
def test_what_others_let_expire_is_never_relied_on(
    writes: list[tuple[int, int]], today: int, kept: int
) -> None:
    """A customer buys on some days, each time in a deployment that keeps so many; items expire on time."""
    held: set[int] = set()
    told: set[int] = set()
    expires = 0
    last_writes: dict[int, int] = {}
    done = sorted(write for write in writes if write[0] <= today)
    for day, days in done:
        if day >= expires:
            held, told = set(), set()
        held = {each for each in held if each >= Retention(days).oldest_day(day * DAY)} | {day}
        told.add(days)
        expires = day + days + 1
        last_writes[days] = day * DAY
    if today >= expires:
        held, told = set(), set()
    retention, now = Retention(kept), today * DAY
    elsewhere = {days: last for days, last in last_writes.items() if days not in told}
    since = retention.complete_for_all(now, elsewhere)
    for days in told:
        since = max(since, Retention(days).complete_since(last_writes[days]))
    assert {day for day, _ in done if day >= since} <= held


def test_without_other_retentions_everything_kept_is_relied_on() -> None:
    retention = Retention(40)
    assert retention.complete_for_all(NOW, {}) == retention.complete_since(NOW)
    assert retention.complete_for_all(NOW, {50: NOW}) == retention.complete_since(NOW)
    assert retention.complete_for_all(NOW, {10: NOW}) == Retention(10).complete_since(NOW)


@pytest.mark.parametrize(("lag_days", "answers"), [(SLACK_DAYS - 1, True), (SLACK_DAYS, False)])
def test_one_day_of_the_slack_is_for_the_clocks_of_writers(lag_days: int, answers: bool) -> None:
    kept = recent(Retention.covering(Window.days(30)).complete_since(NOW))
    assert kept.answers(Reach(Window.days(30)), NOW - lag_days * DAY) == answers


@pytest.mark.parametrize(
    ("as_of", "answers"),
    [
        (MIDNIGHT - 2, False),
        (MIDNIGHT - 1, True),  # the first microsecond inside is that of the oldest day
        (MIDNIGHT, True),
    ],
)
def test_the_first_microsecond_of_the_window_decides_how_far_days_must_reach(
    as_of: int, answers: bool
) -> None:
    assert recent(TODAY - 1).answers(Reach(Window.days(1)), as_of) == answers


@pytest.mark.parametrize(
    ("overflow_day", "answers"),
    [(TODAY - 3, True), (TODAY - 2, False), (TODAY - 1, False), (TODAY, False), (TODAY + 1, True)],
)
def test_a_day_with_too_many_purchases_spoils_the_windows_that_touch_it(
    overflow_day: int, answers: bool
) -> None:
    history = recent(TODAY - 10, overflow_day)
    assert history.answers(Reach(Window.days(2)), NOW) == answers


@given(
    feature_sets,
    histories(),
    instants,
    st.integers(TODAY - 400, TODAY),
    st.frozensets(st.integers(TODAY - 40, TODAY + 1), max_size=3),
)
def test_where_recent_purchases_answer_they_give_the_features_of_the_whole_history(
    features: FeatureSet,
    history: list[Purchase],
    as_of: int,
    complete_since: int,
    overflow_days: frozenset[int],
) -> None:
    kept = RecentHistory(
        customer_id="customer-1",
        complete_since=complete_since,
        purchases=PurchaseColumns.of(
            [
                purchase
                for purchase in history
                if day_of(purchase.purchased_at) >= complete_since
                and day_of(purchase.purchased_at) not in overflow_days
            ]
        ),
        lifetime=Lifetime.of(history),
        overflow_days=overflow_days,
    )
    if kept.answers(features.reach, as_of):
        target = history[0].category if history else "never bought"
        told = Histories.of([kept.reaching(features.reach)])
        whole = features.matrix(Histories.of([history]), as_of, target=target)
        assert features.matrix(told, as_of, target=target).tobytes() == whole.tobytes()
