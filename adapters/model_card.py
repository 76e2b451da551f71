"""The card of a version: what it is, how good it is and for whom, in Markdown and in HTML.

Both are parts of the version. They are made from what the candidate itself holds. The pictures are
SVG inside the page, which loads nothing from elsewhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any

from model_registry.evaluation import Tenth, quality_of, tenths
from model_registry.versions import CARD, CARD_HTML, CalibrationBin, Candidate

_SIZE, _PAD = 260, 34
_FIGURES = {
    "auc": "AUC",
    "auc_within_categories": "AUC within a category, mean",
    "log_loss": "log loss",
    "brier": "Brier score",
    "ece": "calibration error (ECE)",
    "lift_quality": "lift quality (0 to 100)",
}
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;"
    "color:#1b1b1b;background:#fff}table{border-collapse:collapse;margin:.5rem 0 1.5rem}"
    "th,td{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid #ddd}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}figure{display:inline-block;"
    "margin:0 1.2rem 1rem 0;vertical-align:top}figcaption{font-size:.85rem;max-width:16rem}"
)
Rows = Sequence[Sequence[str]]


def with_card(candidate: Candidate, *, model: str) -> Candidate:
    """The candidate with its card, as a part of what is registered."""
    sections = list(_sections(candidate))
    head = _head(candidate, model)
    return replace(
        candidate,
        card={
            CARD: _markdown(head, sections).encode(),
            CARD_HTML: _html(head, sections, _pictures(candidate)).encode(),
        },
    )


def _head(candidate: Candidate, model: str) -> tuple[str, str]:
    target = "in the category asked about" if candidate.features.targeted else "anything"
    quality = quality_of(candidate.metrics)
    return (
        f"Model {model}",
        (
            f"Quality: {quality}. It says how likely a customer buys {target} within "
            f"{candidate.horizon_days} days. Figures are of customers and a period that training did "
            "not see."
        ),
    )


def _sections(candidate: Candidate) -> Iterator[tuple[str, Rows]]:
    """Each table of the card: its heading, then rows; the first row are the columns."""
    facts: Mapping[str, Any] = candidate.facts
    yield "How good it is", _figures(candidate)
    if beside := facts.get("beside"):
        yield "Beside others", _beside(candidate, beside)
    if candidate.held_out is not None:
        yield "Who is contacted first", _gains(tenths(candidate.held_out))
    if candidate.calibration:
        yield "Whether probabilities come true", _calibration(candidate.calibration)
    if segments := facts.get("segments"):
        yield "For whom", _segments(segments)
    yield "What it looks at", _features(candidate)
    if trials := facts.get("trials"):
        yield "What was tried", _trials(trials)
    yield "How it was made", _made(candidate)


def _figures(candidate: Candidate) -> Rows:
    rows = [["figure", "value", "95 % interval"]]
    for name, words in _FIGURES.items():
        if name in candidate.metrics:
            low, high = candidate.intervals.get(name, (None, None))
            interval = "" if low is None or high is None else f"{low:.4g} to {high:.4g}"
            rows.append([words, f"{candidate.metrics[name]:.4g}", interval])
    return rows


def _beside(candidate: Candidate, beside: Sequence[Mapping[str, Any]]) -> Rows:
    base = candidate.metrics.get("base_rate_log_loss")
    rows = [["", "AUC", "log loss", "ECE"], ["this version", *_three(candidate.metrics)]]
    rows.append(["everybody the base rate", "0.5", "" if base is None else f"{base:.4g}", ""])
    return [*rows, *([str(each["name"]), *_three(each["metrics"])] for each in beside)]


def _three(metrics: Mapping[str, float]) -> list[str]:
    names = ("auc", "log_loss", "ece")
    return [f"{metrics[name]:.4g}" if name in metrics else "" for name in names]


def _gains(found: Sequence[Tenth]) -> Rows:
    rows = [["tenth", "rows", "buy", "lift", "of all buyers so far"]]
    for number, each in enumerate(found, start=1):
        rows.append(
            [
                str(number),
                f"{each.rows:,}",
                f"{each.rate:.1%}",
                f"{each.lift:.2f}",
                f"{each.gain:.1%}",
            ]
        )
    return rows


def _calibration(bins: Sequence[CalibrationBin]) -> Rows:
    return [
        ["rows", "predicted", "happened"],
        *(
            [f"{each.count:,}", f"{each.mean_probability:.1%}", f"{each.observed_rate:.1%}"]
            for each in bins
        ),
    ]


def _segments(segments: Sequence[Mapping[str, Any]]) -> Rows:
    rows = [["segment", "rows", "predicted", "happened"]]
    for each in segments:
        predicted, happened = each["mean_probability"], each["observed_rate"]
        rows.append(
            [str(each["segment"]), f"{each['rows']:,}", f"{predicted:.1%}", f"{happened:.1%}"]
        )
    return rows


def _features(candidate: Candidate) -> Rows:
    weights: Mapping[str, float] = candidate.facts.get("coefficients") or {}  # type: ignore[assignment]  # plain JSON
    rows = [["feature", "in words", "weight"]]
    for each in candidate.features.features:
        weight = f"{weights[each.name]:+.4g}" if each.name in weights else ""
        rows.append([each.name, each.meaning, weight])
    return rows


def _trials(trials: Sequence[Mapping[str, Any]]) -> Rows:
    ordered = sorted(trials, key=lambda each: float(each["log_loss"]))
    rows = [["features", "C", "log loss in cross-validation"]]
    return [*rows, *([str(e["features"]), f"{e['C']:g}", f"{e['log_loss']:.4f}"] for e in ordered)]


def _made(candidate: Candidate) -> Rows:
    facts = candidate.facts
    names = {
        "training_cut_offs": "learnt at",
        "held_out_cut_off": "judged at",
        "training_rows": "rows learnt from",
        "training_buyers": "of which bought",
        "customers": "customers",
        "purchases": "purchases",
        "recalibration": "recalibration",
        "libraries": "libraries",
    }
    rows = [["fact", "value"], ["scorer", candidate.scorer_kind]]
    return [
        *rows,
        *([words, _plain(facts[name])] for name, words in names.items() if name in facts),
    ]


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(each)}" for key, each in value.items())
    if isinstance(value, list):
        return ", ".join(map(_plain, value))
    if value is None:
        return "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _markdown(head: tuple[str, str], sections: Sequence[tuple[str, Rows]]) -> str:
    lines = [f"# {head[0]}", "", head[1]]
    for heading, (columns, *rows) in sections:
        lines += ["", f"## {heading}", "", _line(columns), "|" + " --- |" * len(columns)]
        lines += map(_line, rows)
    return "\n".join(lines) + "\n"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _html(head: tuple[str, str], sections: Sequence[tuple[str, Rows]], pictures: str) -> str:
    tables = "".join(
        f"<h2>{escape(heading)}</h2><table>{_table(rows)}</table>" for heading, rows in sections
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(head[0])}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{escape(head[0])}</h1><p>{escape(head[1])}</p>{pictures}{tables}</body></html>\n"
    )


def _table(rows: Rows) -> str:
    """The rows of a table; columns of numbers, but for the first one, are set to the right."""
    columns, *body = rows
    numbers = [
        place > 0 and all(not row[place] or row[place].lstrip("+-")[:1].isdigit() for row in body)
        for place in range(len(columns))
    ]
    return _row("th", columns, numbers) + "".join(_row("td", row, numbers) for row in body)


def _row(tag: str, cells: Sequence[str], numbers: Sequence[bool]) -> str:
    inside = "".join(
        f"<{tag}{' class=n' if number else ''}>{escape(cell)}</{tag}>"
        for cell, number in zip(cells, numbers, strict=True)
    )
    return f"<tr>{inside}</tr>"


def _pictures(candidate: Candidate) -> str:
    if candidate.held_out is None:
        return ""
    found = tenths(candidate.held_out)
    base_rate = float(candidate.held_out.labels.mean())
    gains = [(0.0, 0.0), *(((n + 1) / len(found), each.gain) for n, each in enumerate(found))]
    perfect = [(0.0, 0.0), (base_rate, 1.0), (1.0, 1.0)]
    reliable = [(each.mean_probability, each.observed_rate) for each in candidate.calibration]
    return _figure(
        "Gains: contact this share of the customers (x), reach this share of the buyers (y). "
        "Dashed: at random. Thin: a perfect order.",
        _curve(perfect, width=1) + _curve([(0, 0), (1, 1)], width=1, dashed=True) + _curve(gains),
    ) + _figure(
        "Reliability: predicted (x) and happened (y). On the dashed line probabilities come true.",
        _curve([(0, 0), (1, 1)], width=1, dashed=True) + _curve(reliable) + _dots(reliable),
    )


def _figure(caption: str, inside: str) -> str:
    far = _SIZE - _PAD
    axes = (
        f'<path d="M{_PAD} 10V{far}H{_SIZE - 10}" fill="none" stroke="#777"/>'
        f'<text x="{_PAD - 4}" y="{far + 16}" font-size="11">0</text>'
        f'<text x="{_SIZE}" y="{far + 16}" font-size="11" text-anchor="end">100 %</text>'
        f'<text x="0" y="18" font-size="11">100 %</text>'
    )
    return (
        f'<figure><svg role="img" aria-label="{escape(caption)}" width="{_SIZE}" height="{_SIZE}" '
        f'viewBox="0 0 {_SIZE} {_SIZE}">{axes}{inside}</svg>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _at(point: tuple[float, float]) -> str:
    inner = _SIZE - _PAD - 10
    return f"{_PAD + point[0] * inner:.1f} {10 + (1 - point[1]) * inner:.1f}"


def _curve(points: Sequence[tuple[float, float]], *, width: int = 2, dashed: bool = False) -> str:
    if not points:
        return ""
    path = "M" + "L".join(map(_at, points))
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    color = "#1f5fbf" if width > 1 else "#777"
    return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="{width}"{dash}/>'


def _dots(points: Sequence[tuple[float, float]]) -> str:
    places = [_at(point).split() for point in points]
    return "".join(f'<circle cx="{x}" cy="{y}" r="3" fill="#1f5fbf"/>' for x, y in places)
