"""The pictures of the documentation, drawn from the code and from the results of `make bench`."""

import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any

from adapters.dynamodb.schema import CategoryRow, PurchaseRow, RecentRow
from tests.docs.pages import PACKAGES, ROOT
from tests.docs.rooms import imports, rooms

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


def architecture() -> str:
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
    parts = [*bands, *_arrows(tops), *_stores(*tops["adapters"])]
    return _drawing(_WIDTH, top - _GAP + 10, "The rooms of the code; arrows are imports", parts)


def tables() -> str:
    """Each table with its key and attributes, and its indexes beside it, from the models."""
    parts: list[str] = []
    top = 10
    for model in (PurchaseRow, RecentRow, CategoryRow):
        attributes = model.get_attributes()
        height = 46 + 18 * len(attributes)
        parts += _fields(10, top, str(model.Meta.table_name), attributes, fill="#e6f4ea")
        indexes: Mapping[str, Any] = model._indexes  # noqa: SLF001  # PynamoDB has no public way
        beside = top
        for name, index in indexes.items():
            keys: Mapping[str, Any] = index.Meta.attributes
            shape = f"{name}: {index.Meta.projection.projection_type}"
            parts += _fields(330, beside, shape, keys, fill="#fef7e0")
            middle = beside + 20
            parts.append(f'<path d="M290,{middle} H330" {_ARROW}/>')
            beside += 46 + 18 * len(keys) + 10
        top = max(top + height, beside) + 14
    return _drawing(620, top, "The tables, their keys (bold) and their indexes", parts)


def window() -> str:
    """A half-open window of 30 days: which instants count."""
    left, right, line = 120, 560, 60
    parts = [
        f'<rect x="{left}" y="{line - 18}" width="{right - left}" height="36" fill="#e6f4ea"/>',
        f'<path d="M20,{line} H680" {_ARROW}/>',
        f'<text x="{left}" y="24" text-anchor="middle">as_of - 30 days</text>',
        f'<text x="{right}" y="24" text-anchor="middle">as_of</text>',
        f'<text x="{(left + right) // 2}" y="{line + 42}" text-anchor="middle">counts</text>',
        f'<text x="{left - 60}" y="{line + 42}" text-anchor="middle">too old</text>',
        f'<text x="{right + 60}" y="{line + 42}" text-anchor="middle">not known yet</text>',
    ]
    for x, inside in ((60, False), (left, False), (240, True), (right, True), (640, False)):
        fill = "#188038" if inside else "#fff"
        parts.append(f'<circle cx="{x}" cy="{line}" r="6" fill="{fill}" stroke="#188038"/>')
    return _drawing(
        700, 116, "A purchase at as_of counts; one exactly 30 days before does not", parts
    )


def performance() -> str:
    """CPU per prediction with sixteen requests in flight, from the results of `make bench`."""
    names = {
        "ours": "propensity",
        "reference": "FastAPI, boto3, scikit-learn",
        "Feast server": "Feast's server",
    }
    results = (
        (ROOT / "benchmarks" / "RESULTS.md").read_text().split("## One prediction, replayed")[1]
    )
    parts: list[str] = []
    for row, (service, label) in enumerate(names.items()):
        found = re.search(rf"^\| {service} \| 16 \| ([\d.]+) ", results, re.MULTILINE)
        if found is None:
            raise LookupError(f"benchmarks/RESULTS.md has no row of {service!r} with 16 in flight")
        cpu_ms = float(found[1])
        y, width = 14 + 36 * row, round(cpu_ms * 90)
        fill = "#188038" if service == "ours" else "#9aa0a6"
        parts += [
            f'<text x="220" y="{y + 17}" text-anchor="end">{escape(label)}</text>',
            f'<rect x="232" y="{y}" width="{width}" height="24" fill="{fill}"/>',
            f'<text x="{240 + width}" y="{y + 17}">{cpu_ms:.2f} ms</text>',
        ]
    return _drawing(700, 126, "CPU per prediction, 16 requests in flight", parts)


def _fields(
    x: int, y: int, name: str, attributes: Mapping[str, Any], *, fill: str
) -> Iterator[str]:
    yield _box(x, y, 280, 36 + 18 * len(attributes), fill=fill)
    yield f'<text x="{x + 12}" y="{y + 20}" font-size="14">{escape(name)}</text>'
    keys_first = sorted(
        attributes.values(), key=lambda each: (not each.is_hash_key, not each.is_range_key)
    )
    for row, attribute in enumerate(keys_first, start=1):
        key = attribute.is_hash_key or attribute.is_range_key
        weight = ' font-weight="bold"' if key else ""
        yield f'<text x="{x + 24}" y="{y + 22 + 18 * row}"{weight}>{attribute.attr_name}</text>'


def _drawing(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    size = f'viewBox="0 0 {width} {height}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        '<defs><marker id="to" markerWidth="8" markerHeight="8" refX="7" refY="4" orient="auto">',
        '<path d="M0,0 L8,4 L0,8 z" fill="#555"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


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
