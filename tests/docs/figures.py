"""The figures of speed that pages tell: those of the last `make bench`."""

import re
from collections.abc import Mapping, Sequence

from tests.docs.pages import ROOT

_ROW = re.compile(r"^\| (.+) \|$", re.MULTILINE)
_PEERS = ("floor (item)", "reference", "Feast server")
_NAMES = {
    "ours": "propensity",
    "reference": "FastAPI, boto3 and scikit-learn",
    "Feast server": "Feast's server, which reads one feature and scores nothing",
}
Figures = Mapping[str, float]


def speed_tables() -> Mapping[str, str]:
    """The README's table, and those of the page about performance."""
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    seen = _predictions(_rows(results, "One prediction, replayed"))
    return {
        "speed": _speed(seen),
        "predictions": _compared(seen),
        "aims": _table(*_rows(results, "Targets")),
        "layers": _table(*_rows(results, "Where the CPU time goes")),
        "recording": _table(*_rows(results, "Recording")),
        "imports": _table(*_rows(results, "What a server imports")),
    }


def _rows(results: str, heading: str) -> list[list[str]]:
    """The rows of the table under a heading, its header first."""
    section = results.split(f"## {heading}\n")[1].split("\n## ", maxsplit=1)[0]
    return [row.split(" | ") for row in _ROW.findall(section)]


def _predictions(rows: Sequence[Sequence[str]]) -> Mapping[tuple[str, int], Figures]:
    header, *found = rows
    return {
        (name, int(in_flight)): {
            key: float(value.replace(",", ""))
            for key, value in zip(header[2:], values, strict=True)
        }
        for name, in_flight, *values in found
    }


def _speed(seen: Mapping[tuple[str, int], Figures]) -> str:
    rows = [
        [name, f"{found['cpu_ms']:.2f} ms", f"{found['per_second']:,.0f}"]
        for service, name in _NAMES.items()
        for found in [seen[service, 16]]
    ]
    header = ["one core, 16 requests at a time", "CPU per prediction", "requests per second"]
    return _table(header, *rows)


def _compared(seen: Mapping[tuple[str, int], Figures]) -> str:
    def told(services: Sequence[str], key: str, form: str, unit: str = "") -> list[str]:
        return [
            " / ".join(form.format(seen[each, n][key]) for each in services) + unit for n in (1, 16)
        ]

    of_peers = "of the floor / the reference design / Feast's server"
    return _table(
        ["replayed answers, two noisy cores", "1 in flight", "16 in flight"],
        ["CPU per prediction, ours", *told(["ours"], "cpu_ms", "{:.2f}", " ms")],
        [of_peers, *told(_PEERS, "cpu_ms", "{:.2f}", " ms")],
        ["requests per second, ours", *told(["ours"], "per_second", "{:,.0f}")],
        [of_peers, *told(_PEERS, "per_second", "{:,.0f}")],
        [
            "p99, ours / the reference design",
            *told(["ours", "reference"], "p99_ms", "{:.1f}", " ms"),
        ],
    )


def _table(header: Sequence[str], *rows: Sequence[str]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
