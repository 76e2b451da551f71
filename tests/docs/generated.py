"""Pages and pictures that come from the code; `make docs-reference` writes them.

A test compares what is stored with what the code says now.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path

import grimp
from msgspec import structs

from adapters.dynamodb.schema import CategoryRow, PurchaseRow, RecentRow
from api.process import PREFIX, Settings, described, shown
from tests.docs.pages import DOCS, PACKAGES, ROOT

SETTINGS: Mapping[str, Sequence[str]] = {
    "The ten that matter first": (
        "dynamodb_endpoint region table_prefix currency recent_days registry model "
        "banner_min_probability host management_tokens"
    ).split(),
    "Local data": ("home",),
    "Access": ("access_key_id", "secret_access_key"),
    "Models": ("scorers", "registry_poll_s", "banner_max_probability"),
    "Keeping and erasing": ("purchase_retention_days", "erasure_suppression_days"),
    "HTTP": ("port", "cursor_key", "cursor_ttl_s", "log_level"),
    "Queue": (
        "queue dead_letter_queue queue_endpoint queue_visibility_s worker_concurrency"
    ).split(),
    "Deadlines and connections": (
        "connect_timeout_s read_timeout_s read_deadline_s write_deadline_s batch_deadline_s "
        "audience_deadline_s connections"
    ).split(),
    "Prices": ("read_price_per_million", "write_price_per_million"),
}


def generated() -> Mapping[Path, str]:
    """Every generated file with the text that it must have."""
    return {
        DOCS / "reference" / "cli.md": _commands(),
        DOCS / "reference" / "settings.md": _settings(),
        DOCS / "reference" / "rooms.md": _rooms(),
        DOCS / "explanation" / "architecture.svg": _picture(),
    }


def _commands() -> str:
    """Typer's own page; usage lines are no commands to run, so they are plain text blocks."""
    words = [sys.executable, "-m", "typer", "api.cli.main", "utils", "docs", "--name", "propensity"]
    done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    text = done.stdout.replace("```console\n$ ", "```text\n").replace(
        "# `propensity`", "# Commands", 1
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


_SETTINGS_INTRODUCTION = (
    "Settings come from the environment or from a file `.env`. `propensity settings` prints them and "
    "masks\nsecrets. A name that is no setting is an error. An empty value means the default."
)


def _settings() -> str:
    meanings, defaults = described(), shown(Settings())
    parts = ["# Settings", _SETTINGS_INTRODUCTION]
    for heading, names in SETTINGS.items():
        rows = (_row(name, defaults[name], meanings[name]) for name in names)
        parts += [
            f"## {heading}",
            "\n".join(("| variable | default | meaning |", "|---|---|---|", *rows)),
        ]
    return "\n\n".join(parts) + "\n"


def _row(name: str, default: object, meaning: str) -> str:
    value = f"`{default}`" if default not in {None, ""} else ""
    return f"| `{PREFIX}{name.upper()}` | {value} | {meaning} |"


def setting_names() -> list[str]:
    """Every setting, as the code has them."""
    return [each.name for each in structs.fields(Settings)]


def rooms(package: str) -> Iterator[tuple[str, str]]:
    """The rooms of a top-level package with their purpose: its sub-packages, then single modules."""
    folders = sorted(each.parent for each in (ROOT / package).glob("*/__init__.py"))
    modules = sorted(each for each in (ROOT / package).glob("*.py") if each.name != "__init__.py")
    for folder in folders:
        yield folder.name, _purpose(folder / "__init__.py")
    for module in modules:
        yield module.stem, _purpose(module)


def _purpose(module: Path) -> str:
    docstring = ast.get_docstring(ast.parse(module.read_text())) or ""
    return docstring.split("\n\n", 1)[0].replace("\n", " ")


def _rooms() -> str:
    parts = ["# Rooms", "Every room of the code and its purpose, taken from the code."]
    for package in PACKAGES:
        rows = (f"| `{package}.{name}` | {purpose} |" for name, purpose in rooms(package))
        parts += [f"## {package}", "\n".join(("| room | purpose |", "|---|---|", *rows))]
    return "\n\n".join(parts) + "\n"


@cache
def imports() -> frozenset[tuple[str, str]]:
    """Which top-level package imports which."""
    graph = grimp.build_graph(*PACKAGES)
    return frozenset(
        (package, other)
        for package in PACKAGES
        for other in PACKAGES
        if package != other
        and graph.direct_import_exists(importer=package, imported=other, as_packages=True)
    )


_START, _HOUSE, _WIDTH, _BAND, _GAP, _BOX, _ROW = 70, 950, 1220, 34, 46, 132, 30
_LEFT = _START + 145
_PER_ROW = 6
_COLOURS = {
    "api": "#e8f0fe",
    "adapters": "#e6f4ea",
    "model_registry": "#fef7e0",
    "domain": "#fce8e6",
}
_ARROW = 'fill="none" stroke="#555" stroke-width="1.5" marker-end="url(#to)"'


def _picture() -> str:
    """Bands from the outside inwards, a box for each room, an arrow for each import."""
    top = 10
    bands: list[str] = []
    tops: dict[str, tuple[int, int]] = {}
    for package in PACKAGES:
        names = [name for name, _ in rooms(package)]
        height = _BAND + _ROW * -(-len(names) // _PER_ROW)
        bands += _band(package, names, top, height)
        tops[package] = (top, top + height)
        top += height + _GAP
    height = top - _GAP + 10
    size = f'viewBox="0 0 {_WIDTH} {height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">',
        "<title>The rooms of the code; arrows are imports</title>",
        '<defs><marker id="to" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">',
        '<path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
    ]
    return "\n".join([*head, *bands, *_arrows(tops), *_stores(*tops["adapters"]), "</svg>", ""])


def _band(package: str, names: list[str], top: int, height: int) -> Iterator[str]:
    yield _box(_START, top, _HOUSE, height, fill=_COLOURS[package])
    yield f'<text x="{_START + 14}" y="{top + 33}" font-weight="bold">{package}</text>'
    width = _BOX - 8
    for index, name in enumerate(names):
        x, y = _LEFT + index % _PER_ROW * _BOX, top + 17 + index // _PER_ROW * _ROW
        yield _box(x, y, width, _ROW - 6, fill="#fff")
        middle = x + width // 2
        yield f'<text x="{middle}" y="{y + 17}" text-anchor="middle">{escape(name)}</text>'


def _box(x: int, y: int, width: int, height: int, *, fill: str) -> str:
    place = f'x="{x}" y="{y}" width="{width}" height="{height}"'
    return f'<rect {place} rx="6" fill="{fill}" stroke="#aaa"/>'


def _arrows(tops: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    """Straight to the next package, along the margin to one further away."""
    margin = _START
    for importer, imported in sorted(imports(), key=lambda pair: tuple(map(PACKAGES.index, pair))):
        middle, end = _START + _HOUSE // 2, tops[imported][0]
        if PACKAGES.index(imported) == PACKAGES.index(importer) + 1:
            yield f'<path d="M{middle},{tops[importer][1]} V{end}" {_ARROW}/>'
        else:
            margin -= 20
            start, end = tops[importer][0] + 20 + margin // 2, end + 20 + margin // 2
            yield f'<path d="M{_START},{start} H{margin} V{end} H{_START}" {_ARROW}/>'


def _stores(top: int, bottom: int) -> Iterator[str]:
    """What the adapters speak to, beside their band; the tables as the models declare them."""
    stores = {
        "DynamoDB": [model.Meta.table_name for model in (PurchaseRow, RecentRow, CategoryRow)],
        "S3 or a folder": ["model registry"],
        "SQS": ["purchases", "dead letters"],
    }
    end, middle = _START + _HOUSE, (top + bottom) // 2
    x, y = end + 30, top - 40
    yield f'<path d="M{end},{middle} H{x}" {_ARROW}/>'
    for name, held in stores.items():
        height = 17 * (len(held) + 1) + 14
        yield _box(x, y, 160, height, fill="#f3f3f3")
        yield f'<text x="{x + 12}" y="{y + 20}" font-weight="bold">{name}</text>'
        for index, each in enumerate(held, start=1):
            yield f'<text x="{x + 12}" y="{y + 20 + 17 * index}">{each}</text>'
        y += height + 8


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
