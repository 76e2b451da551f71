"""Backoff: how long to wait before the next attempt, with full jitter.

Source: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015).
"""

import random
from collections.abc import Callable

Uniform = Callable[[float, float], float]
"""A number between two, both included; tests put their own in its place."""
_MOST_DOUBLINGS = 16


def pause_after(
    refusals: int,
    *,
    first_s: float,
    longest_s: float,
    least_s: float = 0.0,
    uniform: Uniform = random.uniform,
) -> float:
    """A pause in seconds after so many refusals in a row, from 0 on.

    Its ceiling is `first_s`, doubled by each refusal, and `longest_s` at most.
    """
    ceiling = min(longest_s, first_s * 2.0 ** min(refusals, _MOST_DOUBLINGS))
    return uniform(least_s, ceiling)
