"""Garbage collection of long-running processes.

Each full collection walks every object that ever survived: the libraries' own hundreds of thousands,
which never become garbage. It was a third of an audience's CPU time.
"""

import gc
from collections.abc import Generator
from contextlib import contextmanager

YOUNG = 10_000
"""Objects that may come before the young ones are looked at; Python's own 700 are less than a batch."""


@contextmanager
def garbage_held() -> Generator[None, None, None]:
    """Nothing is collected in the block until `freeze_garbage`: what a start imports and builds is none."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def freeze_garbage() -> None:
    """What is alive now is looked at no more; what comes later is collected as ever."""
    gc.enable()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 10, 10)
