"""Runs every benchmark of speed in one run and writes what was seen to benchmarks/RESULTS.md.

The flame graph of predictions under load goes to the documentation.

A target that is missed is written down as missed: it fails nothing. Run: make bench
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.progress import track

from benchmarks.observing_cost import MOST
from benchmarks.profiles import IMPORTS
from benchmarks.starting import MOST as STARTING

RESULTS = Path(__file__).with_name("RESULTS.md")
FLAMES = RESULTS.parents[1] / "docs" / "explanation" / "flames.svg"
PARTS, PROFILES = "prediction_parts", "profiles"
RECORDING, WRITING = "ingestion_cost", "writing_speed"
MODULES = (
    "prediction_cost",
    PARTS,
    "prediction_limits",
    "audience_speed",
    "audience_memory",
    "entities",
    "shadow_cost",
    "observing_cost",
    "starting",
    RECORDING,
    WRITING,
    PROFILES,
)
SERVICE, FEAST = "ours", "Feast server"
Found = Mapping[str, Any]


def found_by(module: str, folder: Path) -> tuple[Any, float]:
    """The figures of one benchmark, and its minutes; what it prints is for whoever waits.

    Raises:
        RuntimeError: it gave none.
    """
    output = folder / f"{module}.json"
    command = [sys.executable, "-m", f"benchmarks.{module}", "--output", str(output)]
    if module == PROFILES:
        command += ["--flames", str(FLAMES)]
    began = time.monotonic()
    subprocess.run(command, check=False)  # noqa: S603  # our own modules, no shell
    minutes = (time.monotonic() - began) / 60
    if not output.exists():
        raise RuntimeError(f"benchmarks.{module} gave no figures")
    return json.loads(output.read_text()), minutes


@dataclass(frozen=True, slots=True)
class Target:
    """What was aimed at, at least or at most, and what was seen."""

    what: str
    seen: float
    least: float = -inf
    most: float = inf

    @property
    def row(self) -> Sequence[str]:
        """As it is written down."""
        held = self.least <= self.seen <= self.most
        aim = f"at most {self.most:,.4g}" if self.most < inf else f"at least {self.least:,.6g}"
        return self.what, aim, f"{self.seen:,.2f}", "held" if held else "**missed**"


def targets(found: Found) -> Iterator[Target]:
    """Every aim of speed, and what was seen of it."""
    for in_flight in ("1", "16"):
        yield from _of_predictions(found["prediction_cost"]["replayed"], in_flight)
    limits = found["prediction_limits"]
    yield Target("p50: 100,000 purchases ever / 10", limits["flatness"]["ratio"], most=1.3)
    grown = 1 + limits["memory"]["growth"]
    yield Target("memory after 100,000 requests / after 1,000", grown, most=1.05)
    slow, slower = limits["slow_store_16"], limits["slow_store_64"]
    yield Target("16 in flight, store of 5 ms: p99, ms", slow["p99_ms"], most=12)
    yield Target(
        "64 in flight, store of 5 ms: p99 / p50", slower["p99_ms"] / slower["p50_ms"], most=4
    )
    yield Target("two processes / one, by CPU time", limits["workers"]["scale"], least=1.85)
    for name, most in STARTING.items():
        yield Target(f"{name}, CPU s", found["starting"][name], most=most)
    yield from _of_writing(found)
    speed, memory = found["audience_speed"]["canned"], found["audience_memory"]
    yield Target("audience: customers/s on one core", speed["ours_per_second"], least=15_000)
    yield Target("audience: customers per CPU second / the loop's", speed["ratio"], least=80)
    peak = memory["peak resident, MB"]
    yield Target("audience of 100,000 customers: peak MB", peak, most=300)
    fast = {name: side["entities_per_second"] for name, side in found["entities"].items()}
    mine = max(value for name, value in fast.items() if SERVICE in name)
    feast = max(value for name, value in fast.items() if SERVICE not in name)
    yield Target("audience: customers/s / entities/s of Feast's SDK", mine / feast, least=3)
    yield Target(
        "CPU of a prediction with two shadows / without",
        1 + found["shadow_cost"]["more"],
        most=1.05,
    )
    for name, most in MOST.items():
        seen = found["observing_cost"][name]["cpu_ratio"]
        yield Target(f"CPU of a prediction with {name} / without", seen, most=most)


def _of_writing(found: Found) -> Iterator[Target]:
    for each, what, times, units in (
        (1, "one purchase a call", 1.0, 6.0),
        (10, "ten of a customer a call", 0.35, 4.0),
    ):
        ours, plain = (_recorded(found, side, each) for side in ("RecordPurchases", "put_item"))
        yield Target(f"{what}: CPU / put_item's", ours["cpu_ms"] / plain["cpu_ms"], most=times)
        yield Target(f"{what}: write units of each", ours["write_units"], most=units)
    for what, least in (("worker", 600), ("import", 2_000)):
        seen = found[WRITING][what]["per_cpu_second"]
        yield Target(f"{what}: purchases per CPU second", seen, least=least)


def _recorded(found: Found, side: str, each: int) -> Found:
    """What recording so many purchases a call takes a side."""
    figures: Sequence[Found] = found[RECORDING]
    (wanted,) = (f for f in figures if (f["side"], f["purchases_per_call"]) == (side, each))
    return wanted


def _of_predictions(sides: Mapping[str, Mapping[str, Found]], in_flight: str) -> Iterator[Target]:
    us, them = sides[SERVICE][in_flight], sides["reference"][in_flight]
    floor, at = sides["floor (item)"][in_flight], f"{in_flight} in flight: "
    yield Target(at + "CPU of the reference design / ours", them["cpu_ms"] / us["cpu_ms"], least=4)
    yield Target(
        at + "CPU of ours / the floor's",
        us["cpu_ms"] / floor["cpu_ms"],
        most=1.2 if in_flight == "1" else 0.7,
    )
    fast = us["per_second"]
    yield Target(at + "req/s of ours / the reference design's", fast / them["per_second"], least=4)
    if FEAST in sides:
        theirs = sides[FEAST][in_flight]["per_second"]
        yield Target(
            at + "req/s of ours / Feast's server's",
            fast / theirs,
            least=6 if in_flight != "1" else 5,
        )
    if in_flight != "1":
        tail = us["p99_ms"] / them["p99_ms"]
        yield Target(at + "p99 of ours / the reference design's", tail, most=1 / 3)


def markdown(found: Found, minutes: Mapping[str, float]) -> str:
    """The whole page."""
    lines = [
        "# Results",
        "",
        "Written by `make bench`. Read the ratios: absolute times are the machine's, and it is noisy.",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, Python {platform.python_version()}; "
        f"{sum(minutes.values()):.1f} minutes: "
        + ", ".join(f"{module} {spent:.1f}" for module, spent in minutes.items())
        + ".",
        "",
        "## Targets",
        "",
        *_table(("what", "aim", "seen", ""), [target.row for target in targets(found)]),
    ]
    for endpoint, sides in found["prediction_cost"].items():
        lines += ["", f"## One prediction, {endpoint}", "", *_table(*_predictions(sides))]
    lines += ["", "## Our own steps of one prediction", "", *_table(*_steps(found[PARTS]))]
    for heading, rows in _profiles(found[PROFILES]):
        lines += ["", f"## {heading}", "", *_table(*rows)]
    lines += ["", "## Recording", "", *_table(*_recording(found))]
    for module in MODULES[2:-1]:
        lines += ["", f"## {module}", "", "```json", json.dumps(found[module], indent=1), "```"]
    return "\n".join(lines) + "\n"


def _predictions(
    sides: Mapping[str, Mapping[str, Found]],
) -> tuple[Sequence[str], list[Sequence[str]]]:
    keys = ("cpu_ms", "spread", "per_second", "p50_ms", "p99_ms", "p99.9_ms", "resident_mb")
    rows: list[Sequence[str]] = [
        (name, flight, *(f"{figures[key]:,.2f}" for key in keys))
        for name, of_side in sorted(sides.items())
        for flight, figures in sorted(of_side.items(), key=lambda item: int(item[0]))
    ]
    return ("service", "in flight", *keys), rows


def _recording(found: Found) -> tuple[Sequence[str], list[Sequence[str]]]:
    rows: list[Sequence[str]] = []
    for key, name, form in (
        ("write_units", "write units", "{:.1f}"),
        ("cpu_ms", "CPU", "{:.2f} ms"),
    ):
        for each, calls in ((1, "one purchase a call"), (10, "ten of a customer a call")):
            sides = (_recorded(found, side, each) for side in ("RecordPurchases", "put_item"))
            rows.append((f"{name}, {calls}", *(form.format(side[key]) for side in sides)))
    rows += [
        (f"CPU, {name}", f"{found[WRITING][what]['cpu_ms']:.2f} ms", "")
        for what, name in (("worker", "the queue's worker"), ("import", "an import"))
    ]
    return ("of each purchase", "ours", "`put_item`"), rows


def _steps(parts: Mapping[str, Mapping[str, float]]) -> tuple[Sequence[str], list[Sequence[str]]]:
    all_ = {key: sum(step[key] for step in parts.values()) for key in ("hot_us", "cold_us")}
    rows: list[Sequence[str]] = [
        (name, f"{step['hot_us']:.1f}", f"{step['cold_us']:.1f}")
        for name, step in [*parts.items(), ("all of them", all_)]
    ]
    return ("step", "hot, us", "cold, us"), rows


def _profiles(
    found: Mapping[str, Mapping[str, float]],
) -> Iterator[tuple[str, tuple[Sequence[str], list[Sequence[str]]]]]:
    """Where CPU time goes, by layer; and what a start imports, by package."""
    layers = {what: shares for what, shares in found.items() if what != IMPORTS}
    every = {layer: None for shares in layers.values() for layer in shares}
    rows: list[Sequence[str]] = [
        (layer, *(f"{shares.get(layer, 0):.1%}" for shares in layers.values())) for layer in every
    ]
    yield "Where the CPU time goes", (("layer", *layers), rows)
    imports: list[Sequence[str]] = [
        (package, f"{share:.1%}") for package, share in found[IMPORTS].items()
    ]
    yield "What a server imports", (("package", "share of the time"), imports)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "---|" * len(head),
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def main() -> None:
    """The page is written."""
    found: dict[str, Any] = {}
    minutes: dict[str, float] = {}
    with TemporaryDirectory() as folder:
        for module in track(MODULES, description="benchmarks"):
            found[module], minutes[module] = found_by(module, Path(folder))
    RESULTS.write_text(markdown(found, minutes))
    sys.stdout.write(f"written: {RESULTS}\n")


if __name__ == "__main__":
    main()
