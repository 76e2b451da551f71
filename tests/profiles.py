"""How many examples Hypothesis tries: a quarter in make test, all of them in make test-full."""

from hypothesis import settings

ALL = 100
"""Where a test names no number."""

QUICK = "quick"
"""The profile of whoever names none."""

settings.register_profile("full", max_examples=ALL)
settings.register_profile(QUICK, max_examples=ALL // 4)


def examples(count: int) -> int:
    """So many of a test's own number as the profile tries; pytest loads the profile before tests."""
    return max(1, count * settings().max_examples // ALL)
