"""The console blocks of README and docs, in the order in which a reader meets them."""

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import DOCS, README, blocks, site_pages

_LONG = ("make demo", "propensity serve", "propensity worker")
_OTHER_SUITES = ("make check", "make test", "make bench", "make lock")
"""Targets that would run this test again, or for long."""


@dataclass(frozen=True, slots=True)
class Console:
    """One block of commands; `answer` is the JSON block right after it, if there is one."""

    page: Path
    text: str
    answer: object | None

    @property
    def runs_on(self) -> bool:
        """Whether it goes on until Ctrl-C."""
        last = self.text.strip().splitlines()[-1]
        return any(re.fullmatch(rf"{each}( --.*)?", last) for each in _LONG)

    @property
    def is_another_suite(self) -> bool:
        return any(self.text.strip().endswith(each) for each in _OTHER_SUITES)

    @property
    def commands(self) -> Iterator[Sequence[str]]:
        """The words of each line that is one call of propensity."""
        for line in self.text.replace("\\\n", " ").splitlines():
            if line.startswith("propensity "):
                words = shlex.split(line, comments=True)[1:]
                yield words[: words.index(">")] if ">" in words else words


def pages() -> list[Path]:
    """README first, then the site; what is generated holds no commands to run."""
    return [README, *(page for page in site_pages() if page.parent != DOCS / "decisions")]


def consoles(page: Path) -> list[Console]:
    """The page's console blocks."""
    found = blocks(page)
    following = [*found, ("", "")][1:]
    return [
        Console(page, text, json.loads(after) if kind_after == "json" else None)
        for (kind, text), (kind_after, after) in zip(found, following, strict=True)
        if kind == "console"
    ]
