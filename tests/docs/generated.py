"""Pages and pictures that come from the code; `make docs-reference` writes them.

A test compares what is stored with what the code says now.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from pathlib import Path

import grimp
from msgspec import structs

from adapters.dynamodb.schema import CategoryRow, PurchaseRow, RecentRow
from api.process import PREFIX, Settings, described, shown
from tests.docs.pages import DOCS, ROOT

PACKAGES = ("api", "adapters", "model_registry", "domain")
"""From the outside inwards."""
SETTINGS: Mapping[str, tuple[str, ...]] = {
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
    text = done.stdout.replace("```console\n$ ", "```text\n").replace("# `propensity`", "# Commands", 1)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _settings() -> str:
    meanings, defaults = described(), shown(Settings())
    parts = [
        "# Settings",
        "Settings come from the environment or from a file `.env`. `propensity settings` prints them and "
        "masks\nsecrets. A name that is no setting is an error. An empty value means the default.",
    ]
    for heading, names in SETTINGS.items():
        rows = (_row(name, defaults[name], meanings[name]) for name in names)
        parts += [f"## {heading}", "\n".join(("| variable | default | meaning |", "|---|---|---|", *rows))]
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
        if package != other and graph.direct_import_exists(importer=package, imported=other, as_packages=True)
    )


_HOUSE, _WIDTH, _BAND, _GAP, _LEFT, _BOX, _ROW = 980, 1190, 34, 46, 170, 132, 30
_PER_ROW = 6
_COLOURS = {"api": "#e8f0fe", "adapters": "#e6f4ea", "model_registry": "#fef7e0", "domain": "#fce8e6"}


def _picture() -> str:
    """Bands from the outside inwards, a box for each room, an arrow for each import."""
    top, bands, tops = 10, [], {}
    for package in PACKAGES:
        names = [name for name, _ in rooms(package)]
        height = _BAND + _ROW * -(-len(names) // _PER_ROW)
        bands.append(_band(package, names, top, height))
        tops[package] = (top, top + height)
        top += height + _GAP
    arrows = [_arrow(tops, *pair, index) for index, pair in enumerate(sorted(imports(), key=_order))]
    stores = _stores(*tops["adapters"])
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top - _GAP + 10}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>The rooms of the code; arrows are imports</title>",
        '<defs><marker id="to" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
        f'<rect width="{_WIDTH}" height="{top - _GAP + 10}" fill="#fff"/>',
        *bands, *arrows, *stores, "</svg>", "",
    ])


def _order(pair: tuple[str, str]) -> tuple[int, int]:
    return PACKAGES.index(pair[0]), PACKAGES.index(pair[1])


def _band(package: str, names: list[str], top: int, height: int) -> str:
    boxes = [
        f'<rect x="{_LEFT + index % _PER_ROW * _BOX}" y="{top + 17 + index // _PER_ROW * _ROW}" '
        f'width="{_BOX - 8}" height="{_ROW - 6}" rx="4" fill="#fff" stroke="#999"/>'
        f'<text x="{_LEFT + index % _PER_ROW * _BOX + (_BOX - 8) // 2}" '
        f'y="{top + 34 + index // _PER_ROW * _ROW}" text-anchor="middle">{escape(name)}</text>'
        for index, name in enumerate(names)
    ]
    return "\n".join([
        f'<rect x="10" y="{top}" width="{_HOUSE - 20}" height="{height}" rx="8" '
        f'fill="{_COLOURS[package]}" stroke="#bbb"/>',
        f'<text x="24" y="{top + 33}" font-weight="bold">{package}</text>', *boxes,
    ])


def _arrow(tops: Mapping[str, tuple[int, int]], importer: str, imported: str, index: int) -> str:
    x = 60 + index * 150
    start, end = tops[importer][1], tops[imported][0]
    return (
        f'<line x1="{x}" y1="{start}" x2="{x}" y2="{end}" stroke="#555" stroke-width="1.5" '
        'marker-end="url(#to)"/>'
    )


def _stores(top: int, bottom: int) -> list[str]:
    """What the adapters speak to, beside their band; the tables as the models declare them."""
    tables = [model.Meta.table_name for model in (PurchaseRow, RecentRow, CategoryRow)]
    x, y, middle = _HOUSE + 30, top - 40, (top + bottom) // 2
    lines = ["DynamoDB", *tables, "", "S3 or a folder", "model registry", "", "SQS", "purchases, dead letters"]
    texts = [
        f'<text x="{x + 12}" y="{y + 22 + 17 * index}"'
        + (' font-weight="bold"' if index == 0 or not lines[index - 1] else "")
        + f">{line}</text>"
        for index, line in enumerate(lines)
        if line
    ]
    height = 17 * len(lines) + 14
    return [
        f'<rect x="{x}" y="{y}" width="170" height="{height}" rx="8" fill="#f3f3f3" stroke="#bbb"/>',
        *texts,
        f'<line x1="{_HOUSE - 10}" y1="{middle}" x2="{x}" y2="{middle}" stroke="#555" '
        'stroke-width="1.5" marker-end="url(#to)"/>',
    ]


if __name__ == "__main__":
    for path, text in generated().items():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
