"""What every scorer here asks of its options and of the matrix it is given."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import DTypeLike, NDArray


def exactly(options: Mapping[str, object], *names: str, optional: Sequence[str] = ()) -> None:
    """Returns when the options have these names, maybe the optional ones, and no others.

    Raises:
        ValueError: names the first option that is missing or unknown.
    """
    needed = f"needed are: {', '.join(names)}"
    if optional:
        needed += f"; optional are: {', '.join(optional)}"
    for name in names:
        if name not in options:
            raise ValueError(f"option {name!r} is missing; {needed}")
    for name in options:
        if name not in (*names, *optional):
            raise ValueError(f"option {name!r} is unknown; {needed}")


def whole(options: Mapping[str, object], name: str, *, least: int) -> int:
    """The whole number in an option.

    Raises:
        ValueError: it is another kind of value, or less than `least`.
    """
    value = options[name]
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"option {name!r} must be a whole number from {least}, not {value!r}")
    return value


def text(options: Mapping[str, object], name: str) -> str:
    """The text in an option.

    Raises:
        ValueError: it is another kind of value.
    """
    value = options[name]
    if not isinstance(value, str):
        raise ValueError(  # noqa: TRY004  # a factory's one promised error
            f"option {name!r} must be text, not {value!r}"
        )
    return value


def finite_rows(
    matrix: NDArray[np.float64], *, width: int, dtype: DTypeLike = np.float64
) -> NDArray[np.floating]:
    """The rows as `dtype`, contiguous; the caller's matrix is left as it is. Shape: (n, width).

    Raises:
        ValueError: another shape, or a value that is not finite as `dtype`.
    """
    if matrix.ndim != 2 or matrix.shape[1] != width:  # noqa: PLR2004  # rows and columns
        raise ValueError(f"a matrix of shape (n, {width}) is due, not {matrix.shape}")
    rows: NDArray[np.floating] = np.ascontiguousarray(matrix)
    if rows.dtype != dtype:
        with np.errstate(over="ignore"):  # an overflow shows as infinity, which is refused below
            rows = rows.astype(dtype)
    finite = np.isfinite(rows)
    if not finite.all():
        row, column = np.argwhere(~finite)[0]
        raise ValueError(f"row {row}, column {column} holds {rows[row, column]}: not finite")
    return rows
