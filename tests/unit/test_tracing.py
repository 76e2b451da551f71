"""Which requests have a trace: as its beginner decided, or a share by the trace's id."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.traces.sampling import SHARE, Sampling
from api.process.trace_context import TraceContext, trace_context
from domain.errors import Rejected

ids = st.text("0123456789abcdef", min_size=32, max_size=32).filter(lambda text: int(text, 16) > 0)
parents = st.builds(TraceContext, ids, st.just("b7ad6b7169203331"), st.booleans())


@given(parents)
def test_what_is_written_as_the_standard_says_is_read(parent: TraceContext) -> None:
    header = f"00-{parent.trace_id}-{parent.span_id}-{int(parent.sampled):02x}".encode()
    assert trace_context(header) == parent
    assert trace_context(header + b"-more") is None
    assert trace_context(b"01" + header[2:] + b"-more") == parent
    assert trace_context(b"ff" + header[2:]) is None


@given(st.binary(max_size=80))
def test_nothing_else_is_a_trace_and_none_is_an_error(header: bytes) -> None:
    found = trace_context(header)
    assert found is None or header.startswith(f"{header[:2].decode()}-{found.trace_id}".encode())


@pytest.mark.parametrize(
    ("environment", "sampling"),
    [
        ({}, Sampling(SHARE)),
        ({"OTEL_TRACES_SAMPLER_ARG": "0.5"}, Sampling(0.5)),
        ({"OTEL_TRACES_SAMPLER": "", "OTEL_TRACES_SAMPLER_ARG": ""}, Sampling(SHARE)),
        ({"OTEL_TRACES_SAMPLER": "always_on"}, Sampling(1.0, follows=False)),
        ({"OTEL_TRACES_SAMPLER": "parentbased_always_off"}, Sampling(0.0)),
        (
            {"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.25"},
            Sampling(0.25, follows=False),
        ),
    ],
)
def test_the_standard_variables_say_which(environment: dict[str, str], sampling: Sampling) -> None:
    assert Sampling.of(environment) == sampling


@pytest.mark.parametrize(
    "environment",
    [
        {"OTEL_TRACES_SAMPLER": "jaeger_remote"},
        *({"OTEL_TRACES_SAMPLER_ARG": text} for text in ("2", "-0.1", "nan", "some")),
    ],
)
def test_what_is_no_sampler_is_refused(environment: dict[str, str]) -> None:
    with pytest.raises(Rejected) as caught:
        Sampling.of(environment)
    assert caught.value.field in environment


@given(parents, st.floats(0, 1), st.floats(0, 1))
def test_all_who_see_a_trace_decide_alike(parent: TraceContext, one: float, other: float) -> None:
    assert Sampling(one).wants(parent) is parent.sampled
    less, more = (Sampling(share, follows=False).wants(parent) for share in sorted((one, other)))
    assert more or not less
    assert Sampling(1.0, follows=False).wants(parent)
    assert not Sampling(0.0, follows=False).wants(parent)


def test_a_share_of_the_traces_that_begin_here_is_kept() -> None:
    random.seed(7)
    kept = sum(Sampling(0.25).wants(None) for _ in range(4_000))
    assert 900 < kept < 1_100
    assert all(Sampling(1.0).wants(None) for _ in range(100))
    assert not any(Sampling(0.0).wants(None) for _ in range(100))
