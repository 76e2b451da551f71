"""The audience on the command line: what is listed, what is said, and what is left behind."""

import asyncio
import io
import json
import os
import re
import signal
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from typer.testing import CliRunner

from adapters.audience_files import open_audience_files
from api.cli.audience.command import audience
from api.cli.audience.report import Report, estimate_document, estimate_text
from api.cli.audience.run import ExportOptions, conclude, run_audience
from api.cli.audience.selection import Selection
from api.cli.cost import Price
from api.composition import UntoldProgress
from domain.audience import (
    AudienceQuery,
    Holdout,
    Member,
    Plan,
    PlanAudience,
    ReadWay,
    ScoreAudience,
)
from domain.cost import Cost, metered
from domain.errors import NotFound, Rejected, StoreUnavailable
from domain.recent import TableSize
from domain.retention import Retention
from tests.builders import NOW, a_purchase, a_traffic
from tests.doubles.store import RETENTION, Call, ReferenceStore, Trouble, failing_with, no_trouble
from tests.faulty_store import VirtualTime

CUSTOMERS = {f"c{number:03}": number / 1_000 for number in range(1, 251)}
PRICE = Price(0.125, 0.625)


class Thousandths:
    """A probability of a thousandth per unit of money spent."""

    def score(self, matrix: NDArray[np.float64], /) -> NDArray[np.float64]:
        result: NDArray[np.float64] = matrix[:, 0] / 1_000
        return result


def a_store(
    probabilities: Mapping[str, float] = CUSTOMERS,
    *,
    unread: Iterable[str] = (),
    refuse: Trouble = no_trouble,
    retention: Retention = RETENTION,
) -> ReferenceStore:
    """A category whose customers spent what makes them as probable as given, in two shards."""
    purchases = [
        a_purchase(
            customer_id=customer, category="jewellery", amount_minor=round(probability * 100_000)
        )
        for customer, probability in probabilities.items()
    ]
    store = ReferenceStore(purchases, shards=2, page_size=40, retention=retention)
    store.unread = frozenset(unread)
    store.refuse = refuse
    store.table_size = TableSize(items=1_000, bytes=1_000_000)
    return store


def planned(
    store: ReferenceStore,
    category: str = "jewellery",
    *,
    as_of: int = NOW,
    chosen: ReadWay | None = None,
) -> Plan:
    plan_audience = PlanAudience(index=store, recent=store, pacing=VirtualTime().pacing())
    traffic = a_traffic(Thousandths())
    return asyncio.run(
        plan_audience(category, as_of=as_of, traffic=traffic, deadline_s=1.0, chosen=chosen)
    )


def listed(  # noqa: PLR0913  # one parameter per option
    store: ReferenceStore,
    *,
    kind: str = "csv",
    output: Path | None = None,
    stdout: io.BytesIO | None = None,
    choice: Selection | None = None,
    holdout: Holdout | None = None,
    way: ReadWay = ReadWay.BATCH,
    on_screen: bool = False,
    planning: Cost | None = None,
) -> Report:
    """The report of one audience."""
    query = AudienceQuery(
        category="jewellery", as_of=NOW, traffic=a_traffic(Thousandths()), deadline_s=10.0, way=way
    )
    control = holdout or Holdout()
    order = ExportOptions(
        choice=choice or Selection(),
        holdout=control,
        price=PRICE,
        cost=planning or Cost(),
        expected=len(store.purchases),
        on_screen=on_screen,
    )
    files = open_audience_files(
        kind, output, stdout=stdout or io.BytesIO(), holdout=control.basis_points > 0
    )
    time = VirtualTime()
    service = ScoreAudience(index=store, recent=store, history=store, pacing=time.pacing())
    return run_audience(service, query, order, files, progress=UntoldProgress())


def rows_of(content: bytes) -> list[list[str]]:
    header, *lines = content.decode().splitlines()
    assert header.startswith("customer_id,probability")
    return [line.split(",") for line in lines]


@pytest.mark.parametrize("way", ReadWay)
def test_every_customer_is_listed_once_with_the_exact_probability(way: ReadWay) -> None:
    stdout = io.BytesIO()
    report = listed(a_store(), stdout=stdout, way=way)
    assert sorted(rows_of(stdout.getvalue())) == [
        [customer, repr(probability), "champion"] for customer, probability in CUSTOMERS.items()
    ]
    assert (report.summary.scored, report.summary.unread) == (250, 0)
    assert report.in_file.customers == 250
    assert report.in_file.expected_buyers == pytest.approx(sum(CUSTOMERS.values()))


def test_progress_is_on_stderr_unless_the_rows_are_on_the_same_screen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    listed(a_store())
    assert capsys.readouterr().err.count("250 ") >= 2
    listed(a_store(), on_screen=True)
    assert capsys.readouterr() == ("", "")


def test_a_range_keeps_both_ends() -> None:
    stdout = io.BytesIO()
    report = listed(a_store(), stdout=stdout, choice=Selection(at_least=0.01, at_most=0.02))
    numbers = sorted(float(row[1]) for row in rows_of(stdout.getvalue()))
    assert numbers == [number / 1_000 for number in range(10, 21)]
    assert (report.customers, report.in_file.customers) == (250, 11)


@pytest.mark.parametrize("bounds", [(0.6, 0.5), (-0.1, 0.5), (0.5, 1.1), (float("nan"), 1.0)])
def test_an_empty_range_is_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(Rejected, match="probability"):
        Selection(at_least=bounds[0], at_most=bounds[1])


MEMBERS = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=3),
    st.none() | st.sampled_from([0.0, 0.25, 0.5, 1.0]) | st.floats(0, 1),
    max_size=60,
)


@given(MEMBERS, st.integers(1, 30), st.integers(1, 9), st.sampled_from([0.0, 0.25]))
def test_the_top_is_what_sorting_everyone_gives(
    probabilities: dict[str, float | None], top: int, batch: int, at_least: float
) -> None:
    choice = Selection(at_least=at_least, top=top)
    members = [Member(customer, probability) for customer, probability in probabilities.items()]
    for start in range(0, len(members), batch):
        assert not choice.take(members[start : start + batch])
    scored = [(c, p) for c, p in probabilities.items() if p is not None and p >= at_least]
    expected = sorted(scored, key=lambda row: (-row[1], row[0]))[:top]
    assert choice.rest() == [Member(*row) for row in expected]


def test_the_top_is_written_in_descending_order() -> None:
    stdout = io.BytesIO()
    report = listed(a_store(), stdout=stdout, choice=Selection(top=3))
    assert stdout.getvalue() == (
        b"customer_id,probability,arm\r\n"
        b"c250,0.25,champion\r\nc249,0.249,champion\r\nc248,0.248,champion\r\n"
    )
    assert (report.customers, report.in_file.customers) == (250, 3)


def test_the_control_group_is_listed_apart_and_counted(tmp_path: Path) -> None:
    output, control = tmp_path / "blast.csv", Holdout(1_000)
    report = listed(a_store(), output=output, holdout=control, choice=Selection(top=100))
    top = sorted(CUSTOMERS, reverse=True)[:100]
    kept = [row[0] for row in rows_of(output.read_bytes())]
    held_out = [row[0] for row in rows_of((tmp_path / "blast.holdout.csv").read_bytes())]
    assert held_out == [customer for customer in top if control.keeps_out(customer)]
    assert kept == [customer for customer in top if not control.keeps_out(customer)]
    assert (report.in_file.customers, report.held_out.customers) == (len(kept), len(held_out))
    assert report.held_out.expected_buyers == pytest.approx(sum(CUSTOMERS[c] for c in held_out))
    assert report.in_file.expected_buyers == pytest.approx(sum(CUSTOMERS[c] for c in kept))
    assert report.files == [output, tmp_path / "blast.holdout.csv"]


def test_on_stdout_a_column_says_who_is_held_out() -> None:
    stdout, control = io.BytesIO(), Holdout(1_000)
    listed(a_store(), stdout=stdout, holdout=control)
    assert {row[0]: row[3] for row in rows_of(stdout.getvalue())} == {
        customer: "true" if control.keeps_out(customer) else "false" for customer in CUSTOMERS
    }


def test_a_partial_audience_says_so_and_exits_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output, partial = tmp_path / "blast.csv", tmp_path / "blast.partial.csv"
    output.write_text("the whole one of before")
    report = listed(a_store(unread=["c007", "c008"]), output=output)
    rows = {row[0]: row[1] for row in rows_of(partial.read_bytes())}
    assert output.read_text() == "the whole one of before"
    assert (rows["c007"], rows["c008"], rows["c009"]) == ("", "", "0.009")
    capsys.readouterr()
    with pytest.raises(typer.Exit) as stopped:
        conclude(report, as_json=True)
    said = capsys.readouterr()
    assert stopped.value.exit_code == 1
    assert re.search(r"PARTIAL: .*: 2;", said.err)
    assert f"written: {partial}" in said.err
    assert ".partial" in said.err
    document = json.loads(said.out)
    assert document["partial"] is True
    assert (document["customers"], document["scored"], document["unread"]) == (250, 248, 2)
    assert (document["in_file"], document["files"]) == (250, [str(partial)])


def test_files_of_an_earlier_export_are_warned_about(tmp_path: Path) -> None:
    output = tmp_path / "blast.csv"
    listed(a_store(), output=output, holdout=Holdout(1_000))
    report = listed(a_store(), output=output)
    (warning,) = report.warnings
    assert warning.endswith(f": {tmp_path / 'blast.holdout.csv'}")
    assert report.document["stale_files"] == [str(tmp_path / "blast.holdout.csv")]


@pytest.mark.parametrize("way", [ReadWay.BATCH, ReadWay.SCAN])
def test_an_instant_too_long_ago_is_reported_as_read_by_time(way: ReadWay) -> None:
    report = listed(a_store(retention=Retention(1)), way=way)
    assert report.customers == report.summary.scored == 250
    assert report.document["way"] == "by_time"
    (warning,) = report.warnings
    assert re.search(rf"\bby_time\b.*\b{way}\b", warning)


def test_a_refused_scan_is_reported_as_read_in_batches(capsys: pytest.CaptureFixture[str]) -> None:
    report = listed(
        a_store(refuse=failing_with(StoreUnavailable("throttled"), "scan")), way=ReadWay.SCAN
    )
    assert report.customers == report.summary.scored == 250
    conclude(report, as_json=True)
    said = capsys.readouterr()
    assert json.loads(said.out)["way"] == "batch"
    assert re.search(r"\bbatch\b.*\bscan\b", said.err)


@pytest.mark.parametrize("way", ReadWay)
def test_a_way_that_was_taken_as_planned_is_not_warned_about(way: ReadWay) -> None:
    report = listed(a_store(), way=way)
    assert (report.document["way"], report.warnings) == (way, [])


def unlisted(call: Call) -> None:
    if call.method == "page" and call.given[1] == 1:
        raise StoreUnavailable("throttled")


def test_an_unlisted_shard_makes_the_audience_partial(capsys: pytest.CaptureFixture[str]) -> None:
    report = listed(a_store(refuse=unlisted))
    assert (report.customers, report.summary.unlisted_shards) == (126, 1)
    with pytest.raises(typer.Exit):
        conclude(report, as_json=False)
    assert "1 of 2;" in capsys.readouterr().err


def test_campaign_tools_get_scored_customers_only(tmp_path: Path) -> None:
    output = tmp_path / "blast.csv"
    store = a_store(unread=["c007"])
    report = listed(store, kind="braze", output=output, choice=Selection(with_unread=False))
    (written,) = report.files
    assert len(Path(written).read_text().splitlines()) == 1 + 249 == 1 + report.in_file.customers
    assert (report.customers, report.summary.unread) == (250, 1)


def test_the_unread_are_not_in_the_top_but_reported() -> None:
    store = a_store(unread=["c250"])
    stdout = io.BytesIO()
    report = listed(store, stdout=stdout, choice=Selection(top=2))
    assert [row[0] for row in rows_of(stdout.getvalue())] == ["c249", "c248"]
    assert report.summary.unread == 1
    assert report.warnings


def test_the_report_names_model_instant_and_the_cost_of_the_whole_campaign(
    capsys: pytest.CaptureFixture[str],
) -> None:
    store = a_store()
    with metered() as cost:
        planned(store)
        planning = cost.round_trips
        report = listed(store, planning=cost)
    conclude(report, as_json=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert re.search(r"\b250 .* propensity .* 1\b.*\b0 ", said.err)
    assert "as of 2026-03-01T12:00:00Z" in said.err
    assert "round trips: 16, read units: 130.5 (130.5 measured, 0.0 computed)\n" in said.err
    assert (planning, report.summary.cost.round_trips) == (3, 13)
    assert "at 0.125 USD per million (0.125: us-east-1 on-demand; set PROPENSITY_READ" in said.err
    assert report.document["price_usd"] == pytest.approx(130.5 * 0.125 / 1_000_000)


def test_ids_that_look_like_formulas_are_warned_about() -> None:
    stdout = io.BytesIO()
    report = listed(a_store({"=1+1": 0.5, "c1": 0.5}), stdout=stdout)
    assert b"\r\n'=1+1,0.5,champion\r\n" in stdout.getvalue()
    assert ": 1;" in report.warnings[0]
    assert not report.summary.partial


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def refuse() -> None:
    raise StoreUnavailable("no permission", transient=False)


@pytest.fixture
def interruptible() -> Iterator[None]:
    """SIGINT interrupts, even where whoever started the tests ignores it, as a shell's & does."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("trouble", "error"), [(interrupt, KeyboardInterrupt), (refuse, StoreUnavailable)]
)
@pytest.mark.parametrize("kind", ["csv", "parquet", "braze"])
def test_what_is_not_finished_leaves_nothing_behind(
    kind: str, trouble: Callable[[], None], error: type[BaseException], tmp_path: Path
) -> None:
    pages = 0

    def on_second_page(call: Call) -> None:
        nonlocal pages
        pages += call.method == "page"
        if pages == 2 and call.method == "page":
            trouble()

    with pytest.raises(error):
        listed(
            a_store(refuse=on_second_page),
            kind=kind,
            output=tmp_path / "blast",
            holdout=Holdout(5_000),
        )
    assert pages >= 2
    assert not list(tmp_path.iterdir())


def test_the_estimate_reads_nothing_of_the_audience() -> None:
    store = a_store()
    found = planned(store)
    assert not store.calls_of("page")
    assert (found.customers, found.way) == (250, ReadWay.SCAN)
    document = estimate_document(found, PRICE)
    assert document["least_seconds"] == pytest.approx(found.units / 12_000)
    assert document["price_usd"] == pytest.approx(found.units * 0.125 / 1_000_000)
    text = estimate_text(found, PRICE)
    assert re.search(r"\b250 .*\bscan\b", text)
    assert "12,000" in text
    chosen = planned(store, chosen=ReadWay.BATCH)
    assert (chosen.way, chosen.why.startswith("batch ")) == (ReadWay.BATCH, True)


@pytest.mark.parametrize("chosen", [None, *ReadWay])
def test_an_instant_too_long_ago_is_planned_by_time_whatever_was_chosen(
    chosen: ReadWay | None,
) -> None:
    found = planned(a_store(retention=Retention(1)), chosen=chosen)
    assert (found.way, found.round_trips) == (ReadWay.BY_TIME, 2 + 2 + 250)
    assert found.units == pytest.approx(250 + 250 * 120 / 4_096 / 2)
    assert re.search(rf"\b{chosen} ", found.why) is None or chosen in {ReadWay.BATCH, ReadWay.SCAN}


@pytest.mark.parametrize(
    ("category", "hint"), [("jewelry", ": jewellery"), ("x", ": jewellery, shirts")]
)
def test_a_category_without_customers_is_not_found(category: str, hint: str) -> None:
    store = a_store()
    store.purchases["c", "p"] = a_purchase(category="shirts")
    with pytest.raises(NotFound, match=hint):
        planned(store, category)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--json"], "--json: "),
        (["--format", "parquet"], "--format: "),
        (["--format", "klaviyo"], "--format: "),
        (["--holdout", "10"], "--holdout: "),
        (["--min-probability", "0.9", "--max-probability", "0.1"], "probability: "),
    ],
)
def test_options_that_do_not_fit_are_refused_at_once(options: Iterable[str], reason: str) -> None:
    app = typer.Typer()
    app.command()(audience)
    result: Any = CliRunner().invoke(app, ["jewellery", *options])
    assert isinstance(result.exception, Rejected)
    assert reason in str(result.exception)
    assert result.stdout == ""


def test_a_summary_without_losses_warns_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    report = listed(a_store({}))
    assert not report.warnings
    assert (report.customers, report.in_file.customers) == (0, 0)
    conclude(report, as_json=True)
    assert json.loads(capsys.readouterr().out)["customers"] == 0
