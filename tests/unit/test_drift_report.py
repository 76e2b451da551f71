"""What people are told of drift."""

import pytest

from api.documents.drift import DriftReport, InputDrift, MeasureReport


def an_input(name: str, *, values: bool = False, missing: bool = False) -> InputDrift:
    moved, still = (
        MeasureReport(value=0.5, threshold=0.1, drifted=True),
        MeasureReport(value=0.0, threshold=0.1, drifted=False),
    )
    return InputDrift(
        input=name,
        drifted=values or missing,
        population_stability=moved if values else still,
        jensen_shannon_distance=still,
        missing=moved if missing else still,
        missing_then=0.0,
        missing_now=0.5,
    )


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ([an_input("count"), an_input("score")], "none"),
        ([an_input("count", values=True), an_input("score", values=True)], "in count, score"),
        (
            [an_input(name, values=True, missing=True) for name in ("count", "volume", "score")],
            "in count, volume, score; in the missing values of count, volume; in empty histories",
        ),
    ],
)
def test_each_input_is_named_once_a_kind(inputs: list[InputDrift], said: str) -> None:
    report = DriftReport(
        version=3,
        state="drift",
        why_not="",
        day="2026-11-29",
        against=None,
        processes=1,
        customers=1200,
        independent_customers=1200.0,
        inputs=inputs,
    )
    assert report.summary == f"drift of version 3, 2026-11-29: {said} (1,200 customers)"
