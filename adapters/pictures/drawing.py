"""The port: drawings by Vega-Lite, made once and kept while there is room."""

import hashlib
import json
import multiprocessing
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from typing import Any

from adapters.pictures import converter
from domain.errors import Unavailable

_LONGEST_S = 60.0
"""The first drawing on a machine under load takes a few seconds."""
_ELSEWHERE = {"url", "href"}
_REPLACED = "\N{REPLACEMENT CHARACTER}"
_UNFIT = {
    **dict.fromkeys((*range(32), *range(0x7F, 0xA0)), _REPLACED),
    **dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)), _REPLACED),
    **dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF), _REPLACED),
}
"""Control characters, half surrogates, and marks that turn the direction of the text after them."""


class VegaDrawings:
    """`Draws` by vl-convert 1.9, in one process of its own.

    The library holds Python's lock through the whole of a drawing: 90 ms of a core, 0.6 s the first
    time. In its own process it stops nothing but the thread that waits. That process takes 130 MB.
    It starts with the first drawing, or with `warm`, and ends with this one.

    `keep_bytes` bounds what is kept. What was asked for longest ago goes first.
    """

    def __init__(self, *, keep_bytes: int = 16 * 1024 * 1024) -> None:
        self._keep_bytes = keep_bytes
        self._kept: OrderedDict[bytes, str | bytes] = OrderedDict()
        self._kept_bytes = 0
        self._drawing: dict[bytes, Future[Any]] = {}
        self._lock = threading.Lock()
        self._pool: ProcessPoolExecutor | None = None

    def warm(self) -> None:
        """Start the process, so that the first picture need not wait for it."""
        nothing = {"mark": "point", "data": {"values": []}}
        self.svg(nothing, alt="", colors={})

    def close(self) -> None:
        """Stop the process; a later drawing starts it again."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)

    def svg(
        self, specification: Mapping[str, Any], /, *, alt: str, colors: Mapping[str, str]
    ) -> str:
        """The drawing as one element `svg`; see the port."""
        asked = (_as_json(specification), _text(alt), dict(colors))
        return str(self._made_once(converter.svg, *asked))

    def png(
        self,
        specification: Mapping[str, Any],
        /,
        *,
        alt: str,
        colors: Mapping[str, str],
        background: str,
    ) -> bytes:
        """The drawing as a PNG; see the port."""
        asked = (_as_json(specification), _text(alt), dict(colors), background)
        return bytes(self._made_once(converter.png, *asked))

    def _made_once(self, draw: Callable[..., Any], *asked: object) -> Any:
        spelled = json.dumps([draw.__name__, *asked], sort_keys=True)
        key = hashlib.blake2b(spelled.encode(), digest_size=16).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            drawing = self._drawing.get(key)
            if drawing is None:
                drawing = self._drawing[key] = self._submit(draw, asked)
        try:
            made = drawing.result(timeout=_LONGEST_S)
        except (BrokenExecutor, TimeoutError) as exc:
            self.close()
            raise Unavailable("the process that draws pictures ended or hangs; ask again") from exc
        finally:
            with self._lock:
                self._drawing.pop(key, None)
        self._keep(key, made)
        return made

    def _submit(self, draw: Callable[..., Any], asked: tuple[object, ...]) -> Future[Any]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                1, mp_context=multiprocessing.get_context("spawn"), initializer=converter.begin
            )
        return self._pool.submit(draw, *asked)

    def _keep(self, key: bytes, made: str | bytes) -> None:
        with self._lock:
            if key in self._kept:
                return
            self._kept[key] = made
            self._kept_bytes += len(made)
            while self._kept_bytes > self._keep_bytes:
                _, gone = self._kept.popitem(last=False)
                self._kept_bytes -= len(gone)


def _as_json(specification: Mapping[str, Any]) -> str:
    """The specification, its texts made fit for a document.

    Raises:
        ValueError: it refers to something elsewhere, or is no JSON.
    """
    return json.dumps(_fit(specification), sort_keys=True, allow_nan=False)


def _fit(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        if elsewhere := _ELSEWHERE & value.keys():
            raise ValueError(f"a picture may not refer to something elsewhere: {sorted(elsewhere)}")
        return {key: _fit(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_fit(each) for each in value]
    return value


def _text(text: str) -> str:
    return text.translate(_UNFIT)
