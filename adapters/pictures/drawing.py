"""The port: drawings by Vega-Lite, made once and kept while there is room."""

import hashlib
import json
import multiprocessing
import threading
from collections import OrderedDict
from collections.abc import Mapping
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from adapters.pictures import converter
from domain.errors import Unavailable

_LONGEST_S = 15.0
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

    The library holds Python's lock through the whole of a drawing: 20 to 65 ms of a core, 0.8 s the
    first time. In its own process it stops nothing but the threads that wait, one after the other.
    That process takes 105 MB at first and 170 MB for good. It starts with the first drawing,
    and ends with this one.

    `keep_bytes` bounds what is kept. What was asked for longest ago goes first.
    """

    def __init__(self, *, keep_bytes: int = 16 * 1024 * 1024) -> None:
        self._keep_bytes = keep_bytes
        self._kept: OrderedDict[bytes, str | bytes] = OrderedDict()
        self.kept_bytes = 0
        self._keeping = threading.Lock()
        self._drawing = threading.Lock()
        self._process: tuple[BaseProcess, Connection] | None = None

    def close(self) -> None:
        """Stop the process; a later drawing starts it again."""
        with self._drawing:
            self._stop()

    def svg(
        self, specification: Mapping[str, Any], /, *, alt: str, colors: Mapping[str, str]
    ) -> str:
        """The drawing as one element `svg`; see the port."""
        asked = (_as_json(specification), _text(alt), dict(colors))
        made = self._made_once("svg", *asked)
        return made if isinstance(made, str) else made.decode()

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
        made = self._made_once("png", *asked)
        return made.encode() if isinstance(made, str) else made

    def _made_once(self, *asked: object) -> str | bytes:
        key = hashlib.blake2b(repr(asked).encode(), digest_size=16).digest()
        made = self._look_up(key)
        if made is not None:
            return made
        with self._drawing:
            made = self._look_up(key)  # another thread may have asked for the same
            if made is None:
                made = self._converted(asked)
                self._keep(key, made)
            return made

    def _converted(self, asked: tuple[object, ...]) -> str | bytes:
        """What the process makes of it.

        Raises:
            ValueError: it is no specification.
            Unavailable: the process ended, or did not answer in time.
        """
        try:
            pipe = self._started()
            pipe.send(asked)
            if not pipe.poll(_LONGEST_S):
                raise TimeoutError
            drawn, made = pipe.recv()
        except (OSError, EOFError) as exc:  # a time-out is an OSError
            self._stop()
            raise Unavailable("the process that draws pictures ended or hangs; ask again") from exc
        if not drawn:
            raise ValueError(made)
        found: str | bytes = made
        return found

    def _started(self) -> Connection:
        if self._process is None:
            context = multiprocessing.get_context("spawn")
            ours, theirs = context.Pipe()
            process = context.Process(target=converter.serve, args=(theirs,), daemon=True)
            process.start()
            theirs.close()  # so that its end is seen here
            self._process = process, ours
        return self._process[1]

    def _stop(self) -> None:
        if self._process is not None:
            process, pipe = self._process
            self._process = None
            pipe.close()
            process.kill()  # it keeps nothing
            process.join()

    def _look_up(self, key: bytes) -> str | bytes | None:
        with self._keeping:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def _keep(self, key: bytes, made: str | bytes) -> None:
        with self._keeping:
            self._kept[key] = made
            self.kept_bytes += len(made)
            while self.kept_bytes > self._keep_bytes:
                _, gone = self._kept.popitem(last=False)
                self.kept_bytes -= len(gone)


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
    return text if text.isascii() and text.isprintable() else text.translate(_UNFIT)
