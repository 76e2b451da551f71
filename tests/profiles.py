"""How many examples Hypothesis tries: a quarter in make test, more in make test-full.

make test tries the same ones each time; make test-full goes on looking, from run to run.
"""

from hypothesis import Phase, settings

ALL = 100
"""Where a test names no number."""

QUICK = "quick"
"""The profile of whoever names none."""

_PHASES = tuple(phase for phase in Phase if phase is not Phase.explain)
"""To explain a failure that drew hundreds of values takes longer than all the tests together."""

settings.register_profile("full", max_examples=ALL * 3 // 5, phases=_PHASES, deadline=None)
settings.register_profile(
    QUICK, max_examples=ALL // 4, phases=_PHASES, deadline=None, derandomize=True
)


def examples(count: int) -> int:
    """That share of a test's own number which the profile tries; pytest loads it before tests."""
    return max(1, count * settings().max_examples // ALL)
