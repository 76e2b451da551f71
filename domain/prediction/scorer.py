"""The scorer, as a port: features to probabilities."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Scorer(Protocol):
    """Turns features into probabilities.

    Promises: a pure function of each row, whatever its neighbours; rejects non-finite input.
    """

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        """One probability in [0, 1] per row. Shape: (n, k) float64 to (n,) float64.

        Raises:
            ValueError: the matrix has another width, or holds a value that is not finite.
        """
        ...
