"""The elements of many sets at once, as columns: purchases of the short form, which most are."""

from binascii import a2b_base64
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from adapters.dynamodb.schema.elements import AMOUNT_BITS, CHARACTERS, SHORT_ID, TIME_BITS
from domain.values import MICROS_PER_DAY

_ROW = np.dtype([("head", ">u8"), ("category", ">u2"), ("id", ">u8")])
"""As `elements` packs a purchase."""
_NO_ASCII = 0x80
_NOTHING = "A" * CHARACTERS
"""An element that stands for one of another length."""


@dataclass(frozen=True, slots=True, eq=False)
class ElementColumns:
    """Of m elements: the time of the day in microseconds, the amount, the category's number, the id.

    `readable` are those that are a purchase of the short form, with an id that is a digest or plain
    ASCII; the others mean nothing.
    Shape: each (m,), int64, `purchase_id` uint64, `readable` bool.
    """

    time_us: NDArray[np.int64]
    amount_minor: NDArray[np.int64]
    category_number: NDArray[np.int64]
    purchase_id: NDArray[np.uint64]
    readable: NDArray[np.bool_]

    @classmethod
    def of(cls, elements: Sequence[str]) -> "ElementColumns":
        """These elements.

        Raises:
            ValueError: one is no base64.
        """
        short = np.fromiter(map(len, elements), np.int64, len(elements)) == CHARACTERS
        if not short.all():
            elements = [
                each if fits else _NOTHING for each, fits in zip(elements, short, strict=True)
            ]
        rows = np.frombuffer(a2b_base64("".join(elements), strict_mode=True), dtype=_ROW)
        if len(rows) != len(elements):
            raise ValueError("an element is no base64")
        head = rows["head"].astype(np.uint64)
        time_us = (head >> np.uint64(AMOUNT_BITS) & np.uint64((1 << TIME_BITS) - 1)).astype(
            np.int64
        )
        return cls(
            time_us=time_us,
            amount_minor=(head & np.uint64((1 << AMOUNT_BITS) - 1)).astype(np.int64),
            category_number=rows["category"].astype(np.int64),
            purchase_id=rows["id"].astype(np.uint64),
            readable=short & (time_us < MICROS_PER_DAY) & _is_an_id(head, rows["id"]),
        )


def _is_an_id(head: NDArray[np.uint64], ids: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether each id is a digest, or short and of ASCII, which needs no decoding."""
    letters = np.ascontiguousarray(ids).view(np.uint8).reshape(-1, _ROW["id"].itemsize)
    ascii_only = (letters < _NO_ASCII).all(axis=1)
    short: NDArray[np.bool_] = ascii_only & (letters[:, 0] != 0) & (letters[:, -1] == 0)
    digest: NDArray[np.bool_] = head & np.uint64(SHORT_ID) == 0
    return short | digest
