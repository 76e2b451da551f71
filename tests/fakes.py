"""The smallest honest implementations of the ports, with room to watch and to fail."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from domain.purchases import RawRow


class FakeSource:
    """Rows as given: None is a row that cannot be read."""

    def __init__(self, rows: Iterable[Mapping[str, object] | None]) -> None:
        self._rows = list(rows)

    @property
    def total(self) -> int:
        return len(self._rows)

    def rows(self) -> Iterator[RawRow]:
        for number, raw in enumerate(self._rows, start=1):
            problem = "has no columns" if raw is None else None
            yield RawRow(number=number, raw=raw, problem=problem, progress=number)


class SaturatingScorer:
    """x / (1 + x) of the size of the first feature: pure, a probability for every finite x."""

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        if not np.isfinite(matrix).all():
            raise ValueError("a feature is not finite")
        size = np.abs(matrix[:, 0])
        result: NDArray[np.float64] = size / (1.0 + size)
        return result
