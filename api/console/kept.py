"""What is slow to find out, kept: made once, by one, and not for everybody who looks."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any, TypeVar, cast

from api.process.logs import origin
from domain.errors import PropensityError
from domain.values import MICROS_PER_SECOND, Clock

_log = logging.getLogger(__name__)
MOST = 200
PROBLEM_FOR_S = 60.0
"""After so long it is tried again."""
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Aged:
    """What was found, and when: microseconds since the epoch, UTC. `problem` says why nothing was."""

    value: Any
    at: int
    problem: str = ""


class Kept:
    """Values of this process by what they are of; those asked for longest ago go first. Thread-safe."""

    def __init__(self, clock: Clock, *, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._found: OrderedDict[Hashable, Aged] = OrderedDict()
        self._locks: dict[Hashable, Lock] = {}
        self._lock = Lock()

    def once(self, key: Hashable, make: Callable[[], _T], *, for_s: float | None = None) -> _T:
        """The value, made now if it never was, or longer than `for_s` seconds ago; it blocks.

        Whatever `make` raises is raised, and not kept.
        """
        with self._lock:
            making = self._locks.setdefault(key, Lock())
        with making:
            found = self.fresh(key, for_s)
            if found is None or found.problem:
                try:
                    found = self.keep(key, make())
                except BaseException:
                    with self._lock:
                        if key not in self._found:
                            self._locks.pop(key, None)
                    raise
        return cast("_T", found.value)

    def known(self, key: Hashable) -> Any:
        """The value, if it was ever made; else None."""
        with self._lock:
            found = self._found.get(key)
        return None if found is None else found.value

    def soon(self, key: Hashable, make: Callable[[], object], *, for_s: float) -> Aged | None:
        """What was found last; None: nothing yet. Where it is older than `for_s` seconds, it is being found again.

        It returns at once; `make` runs in a thread of its own. A PropensityError that it raises is
        kept as a problem.
        """
        with self._lock:
            making = self._locks.setdefault(key, Lock())
        if self.fresh(key, for_s) is None and making.acquire(blocking=False):
            Thread(target=self._make, args=(key, make, making), daemon=True).start()
        with self._lock:
            return self._found.get(key)

    def _make(self, key: Hashable, make: Callable[[], object], making: Lock) -> None:
        try:
            self.keep(key, make())
        except PropensityError as exc:
            _log.warning("errand_failed", extra={**_errand(key), "reason": str(exc)})
            self.keep(key, None, problem=str(exc))
        except Exception as exc:  # noqa: BLE001  # whatever it is, who asks is told that it broke off
            error = {"error": type(exc).__qualname__, "exception": origin(exc)}
            _log.error("errand_crashed", extra={**_errand(key), **error})
            self.keep(key, None, problem="it broke off; the server's log says why")
        finally:
            making.release()

    def fresh(self, key: Hashable, for_s: float | None = None) -> Aged | None:
        """What was found, if it was at most `for_s` seconds ago; None there: whenever."""
        with self._lock:
            found = self._found.get(key)
            if found is None:
                return None
            self._found.move_to_end(key)
        if found.problem:
            for_s = PROBLEM_FOR_S if for_s is None else min(for_s, PROBLEM_FOR_S)
        old = for_s is not None and self._clock() - found.at > for_s * MICROS_PER_SECOND
        return None if old else found

    def keep(self, key: Hashable, value: object, *, problem: str = "") -> Aged:
        """This was found now."""
        found = Aged(value=value, at=self._clock(), problem=problem)
        with self._lock:
            self._found[key] = found
            self._found.move_to_end(key)
            while len(self._found) > self._most:
                gone, _ = self._found.popitem(last=False)
                self._locks.pop(gone, None)
        return found


def _errand(key: Hashable) -> dict[str, str]:
    what = key[0] if isinstance(key, tuple) else key
    return {"errand": f"finding out {what}"}
