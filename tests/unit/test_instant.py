from datetime import UTC, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import instant

FIRST = instant.from_datetime(datetime.min.replace(tzinfo=UTC))
LAST = instant.from_datetime(datetime.max.replace(tzinfo=UTC))


@given(st.integers(FIRST, LAST))
def test_what_is_rendered_parses_to_the_same_instant(moment: int) -> None:
    assert instant.parse(instant.render(moment)) == moment


@given(
    st.from_regex(
        r"\A[0-9]{3}[0-9]-[01][0-9]-[0-3][0-9]T[0-3][0-9]:[0-6][0-9]:[0-6][0-9](\.([0-9]{3}){1,3})?Z\Z"
    )
)
def test_the_usual_form_is_read_as_every_other(text: str) -> None:
    outcomes: list[int | str] = []
    for each in (text, text.replace("T", " ")):
        try:
            outcomes.append(instant.parse(each))
        except ValueError as exc:
            outcomes.append(str(exc))
    assert outcomes[0] == outcomes[1]


@given(st.integers(FIRST, LAST))
def test_instants_and_datetimes_convert_without_loss(moment: int) -> None:
    assert instant.from_datetime(instant.to_datetime(moment)) == moment


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001  # offset below
    st.integers(-23 * 60 - 59, 23 * 60 + 59),
)
def test_any_offset_names_the_same_instant(local: datetime, offset_minutes: int) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert instant.parse(moment.isoformat()) == instant.parse(moment.astimezone(UTC).isoformat())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01t00:00:00z", 0),
        ("1970-01-01 00:00:00Z", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T00:00:00.000001999Z", 1),
        ("1970-01-01T00:00Z", 0),
        ("1970-01-01 01:00:00 +0100", 0),
        ("1970-01-01 01:00+01", 0),
        ("1970-01-01 00:00:00 UTC", 0),
        ("1970-01-01T00:00:00GMT", 0),
        ("1969-12-31T19:00:00 -0500", 0),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T20:30:00-03:30", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
        ("1970-01-01T23:59:00+23:59", 0),
        ("1969-12-31T00:01:00-23:59", 0),
        ("0001-01-01T00:00:00Z", FIRST),
        ("0001-01-01T23:59:00+23:59", FIRST),
        ("9999-12-31T23:59:59.999999Z", LAST),
        ("9999-12-31T00:00:59.999999-23:59", LAST),
    ],
)
def test_rfc_3339_is_read_in_all_its_forms(text: str, expected: int) -> None:
    assert instant.parse(text) == expected


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("", "RFC 3339"),
        ("yesterday", "RFC 3339"),
        ("2026-01-31", "RFC 3339"),
        ("2026-01-31T09:30:00", "RFC 3339"),
        ("2026-01-31T09:30:00  Z", "RFC 3339"),
        ("2026-01-31T09:30:00+100", "RFC 3339"),
        ("2026-01-31T09:30:00 utc", "RFC 3339"),
        ("2026-01-31T09:30:00.1234567891Z", "RFC 3339"),
        ("2026-01-31T09:30:00.Z", "RFC 3339"),
        ("2026-01-31T09:30:00,5Z", "RFC 3339"),
        ("20260131T093000Z", "RFC 3339"),
        ("2026-01-31T09:30:00Z\n", "RFC 3339"),
        ("1769851800", "RFC 3339"),
        ("2026-01-31T09:30:00+24:00", "RFC 3339"),
        ("2026-01-31T09:30:00-30:00", "RFC 3339"),
        ("2026-01-31T09:30:00+05:60", "RFC 3339"),
        ("2026-01-31T09:30:00-05:99", "RFC 3339"),
        ("２０２６-01-31T09:30:00Z", "RFC 3339"),  # noqa: RUF001  # digits, but not ASCII
        ("2026-02-29T00:00:00Z", ""),
        ("2026-13-01T00:00:00Z", ""),
        ("2026-01-31T25:00:00Z", ""),
        ("2016-12-31T23:59:60Z", ""),
        ("2026-01-31T24:00:00Z", ""),
        ("0000-01-01T00:00:00Z", ""),
        ("0001-01-01T00:00:00+00:01", ""),
        ("0001-01-01T00:00:00+23:59", ""),
        ("9999-12-31T23:59:59-00:01", ""),
        ("9999-12-31T23:59:59-23:59", ""),
    ],
)
def test_whatever_names_no_instant_is_refused_with_the_reason(text: str, fact: str) -> None:
    with pytest.raises(ValueError) as caught:
        instant.parse(text)
    assert str(caught.value)
    assert fact in str(caught.value)


def test_a_naive_datetime_names_no_instant() -> None:
    assert instant.from_datetime(datetime(2026, 1, 1, tzinfo=UTC)) == instant.parse(
        "2026-01-01T00:00:00Z"
    )
    with pytest.raises(ValueError):
        instant.from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001  # naive is the point


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_500_000, "1970-01-01T00:00:01.500000Z"),
    ],
)
def test_microseconds_are_rendered_only_where_there_are_any(moment: int, text: str) -> None:
    assert instant.render(moment) == text


@given(
    st.sampled_from(["0001-01-01", "0001-01-02", "9999-12-30", "9999-12-31"]),
    st.times(),
    st.sampled_from("+-"),
    st.times(),
)
def test_what_parses_renders_even_at_the_edges_of_the_calendar(
    date: str, at: time, sign: str, offset: time
) -> None:
    local = datetime.fromisoformat(f"{date}T{at.isoformat()}").replace(tzinfo=UTC)
    shift = timedelta(hours=offset.hour, minutes=offset.minute)
    moment = instant.from_datetime(local) - int(f"{sign}1") * (shift // timedelta(microseconds=1))
    text = f"{date}T{at.isoformat()}{sign}{offset:%H:%M}"
    if FIRST <= moment <= LAST:
        assert instant.parse(text) == instant.parse(instant.render(moment)) == moment
    else:
        with pytest.raises(ValueError):
            instant.parse(text)
