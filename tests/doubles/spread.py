"""Parts in memory, and workers that are lost at any moment."""

import random
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any, TypeVar

from domain.audience import Member, Part, PartsManifest
from domain.errors import CorruptRecord, Interrupted, StoreUnavailable

T = TypeVar("T")


class MemoryParts:
    """An `AudienceParts` that lives and dies with its process."""

    def __init__(self) -> None:
        self.kept: dict[str, Sequence[Member]] = {}
        self.manifest: PartsManifest | None = None

    def write(self, members: Sequence[Member], /) -> Part:
        """These members are kept from now on."""
        part = Part(str(hash(tuple(members))), len(members))
        self.kept[part.name] = tuple(members)
        return part

    def read(self, part: Part, /) -> Iterator[Sequence[Member]]:
        """The members of the part in their order, in batches."""
        if len(self.kept[part.name]) != part.rows:
            raise CorruptRecord("not what was written")
        yield from (self.kept[part.name][n : n + 7] for n in range(0, part.rows, 7))

    def commit(self, manifest: PartsManifest, /) -> None:
        """These parts, all of them at once, are the audience."""
        if self.manifest is not None:
            raise StoreUnavailable("there already", transient=False)
        self.manifest = manifest


class ThreadWorkers:
    """`Workers` that are threads, and are never lost."""

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, count: int = 2) -> None:
        self.count = count

    @contextmanager
    def open(self) -> Generator[Executor]:
        """As many threads."""
        with ThreadPoolExecutor(self.count) as executor:
            yield executor


class ThreadBeside:
    """A `Beside` whose calls have a thread each; a stopped one ends when it tells something."""

    def __call__(
        self,
        call: Callable[[Callable[[object], object]], T],
        /,
        *,
        tell: Callable[[object], object],
        stopped: threading.Event,
    ) -> T:
        """The call's result."""

        def told(what: object) -> None:
            if stopped.is_set():
                raise Interrupted("stopped")
            tell(what)

        with ThreadPoolExecutor(1) as executor:
            running = executor.submit(call, told)
            while not wait([running], timeout=0.01).done:
                if stopped.is_set():
                    running.exception()
                    raise Interrupted("stopped")
            return running.result()


class Unreliable:
    """`Workers` of one thread that are lost, before a call or after it, and do not come back at once.

    `share` of the calls are lost so, and of the attempts to open them.
    """

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)
    count = 3

    def __init__(self, seed: int, share: float) -> None:
        self._dice = random.Random(seed)
        self._share = share
        self._opened = False

    def fails(self) -> bool:
        """Whether this goes wrong."""
        return self._dice.random() < self._share

    @contextmanager
    def open(self) -> Generator[Executor]:
        """The workers, if they are back."""
        if self._opened and self.fails():
            raise StoreUnavailable("nobody is there")
        self._opened = True
        with ThreadPoolExecutor(1) as thread:
            yield _Unreliable(self, thread)


class _Unreliable(Executor):
    def __init__(self, workers: Unreliable, thread: Executor) -> None:
        self._workers = workers
        self._thread = thread
        self._broken = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **_: Any) -> Future[Any]:
        """The call; lost for good are those after the whole pool is."""
        if self._broken:
            raise BrokenExecutor("the pool is gone")
        before, after = self._workers.fails(), self._workers.fails()
        self._broken = self._workers.fails()
        return self._thread.submit(self._run, fn, args, before=before, after=after)

    @staticmethod
    def _run(fn: Callable[..., Any], args: Sequence[Any], *, before: bool, after: bool) -> Any:
        if before:
            raise BrokenExecutor("killed at its beginning")
        found = fn(*args)
        if after:
            raise BrokenExecutor("killed when everything was written")
        return found
