"""The file of the rows that an import refused, each with its reason."""

import json
from itertools import chain, count
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Self

from domain.errors import Rejected
from domain.purchases import RefusedRow


class RefusedRows:
    """Collects refused rows as NDJSON beside `target`; they are moved there at the end.

    Without any there is no file. After an error, what was refused until then is kept. A file
    that is there already stays: `path` then has a number more.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.path: Path | None = None

    def __enter__(self) -> Self:
        folder = self._target.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = NamedTemporaryFile(  # __exit__ closes it
                "w", encoding="ascii", dir=folder, prefix=".refused-", delete=False
            )
        except OSError as exc:
            raise Rejected("--rejected", f"cannot write to {folder}: {exc.strerror}") from exc
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        written = Path(self._file.name)
        if written.stat().st_size:
            self.path = _not_taken(self._target)
            written.replace(self.path)
        else:
            written.unlink()

    def __call__(self, refused: RefusedRow) -> None:
        """Adds one row."""
        document = {
            "row": refused.row.number,
            "outcome": refused.outcome,
            "field": refused.field,
            "reason": refused.reason,
            "raw": refused.row.raw,
            "text": refused.row.text,
        }
        # Not msgspec: a refused text may hold lone surrogates, which only ASCII JSON carries.
        self._file.write(json.dumps(document, default=str) + "\n")


def _not_taken(target: Path) -> Path:
    numbered = (target.with_name(f"{target.stem}.{n}{target.suffix}") for n in count(2))
    return next(path for path in chain([target], numbered) if not path.exists())
