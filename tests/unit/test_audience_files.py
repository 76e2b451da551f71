"""Audiences as files: what each tool imports, and nothing half-written."""

import csv
import errno
import io
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from adapters.audience_files import open_audience_files
from adapters.audience_files.campaign import CampaignSheet, Parts
from adapters.audience_files.cells import csv_lines, is_email, text_cell
from adapters.audience_files.pending import pending_files
from adapters.audience_files.profiles import PROFILES, Profile
from domain.audience import Listed, Member
from domain.errors import Rejected
from domain.values import plain_number
from tests.profiles import examples

THIRD = 1 / 3
TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)


def listed(customer: str, probability: float | None = 0.5, *, held_out: bool = False) -> Listed:
    return Listed(Member(customer, probability), held_out)


IDS = [listed("c1", THIRD), listed("c2", None), listed("c3", 1e-05, held_out=True)]
EMAILS = [listed("a@shop.example", THIRD), listed("b@shop.example", 0.995, held_out=True)]


def on_stdout(kind: str, members: Sequence[Listed], *, holdout: bool = False) -> str:
    stream = io.BytesIO()
    with open_audience_files(kind, None, stdout=stream, holdout=holdout) as files:
        files.write(members)
    return stream.getvalue().decode()


def in_files(
    kind: str, folder: Path, members: Sequence[Listed], *, holdout: bool = False
) -> dict[str, bytes]:
    output = folder / "audience.csv"
    with open_audience_files(kind, output, stdout=io.BytesIO(), holdout=holdout) as files:
        for member in members:
            files.write([member])
        assert not output.is_file()
    assert set(files.paths) == set(folder.iterdir())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_csv_on_stdout() -> None:
    assert on_stdout("csv", IDS) == (
        "customer_id,probability,arm\r\n"
        "c1,0.3333333333333333,champion\r\nc2,,champion\r\nc3,0.00001,champion\r\n"
    )
    assert on_stdout("csv", IDS, holdout=True) == (
        "customer_id,probability,arm,holdout\r\n"
        "c1,0.3333333333333333,champion,false\r\nc2,,champion,false\r\n"
        "c3,0.00001,champion,true\r\n"
    )


def test_ndjson_on_stdout() -> None:
    lines = on_stdout("ndjson", [*IDS, listed("=1+1")], holdout=True).splitlines()
    assert lines[1] == '{"customer_id":"c2","probability":null,"arm":"champion","holdout":false}'
    assert [json.loads(line)["probability"] for line in lines] == [THIRD, None, 1e-05, 0.5]
    assert json.loads(lines[-1])["customer_id"] == "=1+1"
    assert (
        on_stdout("ndjson", IDS[1:2])
        == '{"customer_id":"c2","probability":null,"arm":"champion"}\n'
    )


def test_csv_and_ndjson_files_list_those_held_out_apart(tmp_path: Path) -> None:
    for kind in ("csv", "ndjson"):
        folder = tmp_path / kind
        folder.mkdir()
        found = in_files(kind, folder, IDS, holdout=True)
        assert found["audience.csv"].decode() == on_stdout(kind, IDS[:2])
        assert found["audience.holdout.csv"].decode() == on_stdout(kind, IDS[2:])


def test_parquet_keeps_every_bit(tmp_path: Path) -> None:
    in_files("parquet", tmp_path, IDS, holdout=True)
    kept = parquet.read_table(tmp_path / "audience.csv")
    assert kept.to_pylist() == [
        {"customer_id": "c1", "probability": THIRD, "arm": "champion"},
        {"customer_id": "c2", "probability": None, "arm": "champion"},
    ]
    assert [str(column.type) for column in kept.schema] == ["string", "double", "string"]
    held_out = parquet.read_table(tmp_path / "audience.holdout.csv")
    assert held_out.to_pylist() == [{"customer_id": "c3", "probability": 1e-05, "arm": "champion"}]


def test_parquet_without_pyarrow_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(Rejected, match=r"pip install 'propensity\[local\]'"):
        in_files("parquet", tmp_path, IDS)
    assert not list(tmp_path.iterdir())


def test_many_rows_make_few_row_groups(tmp_path: Path) -> None:
    members = [listed(f"c{number}", number / 70_000) for number in range(70_000)]
    path = tmp_path / "audience.parquet"
    with open_audience_files("parquet", path, stdout=io.BytesIO(), holdout=False) as files:
        for start in range(0, len(members), 100):
            files.write(members[start : start + 100])
    written = parquet.ParquetFile(path)
    assert (written.metadata.num_rows, written.num_row_groups) == (70_000, 2)
    assert written.read()["probability"].to_pylist() == [m.member.probability for m in members]


GOLDEN = {
    "klaviyo": (EMAILS, "Email Address,purchase_propensity,propensity_score\r\n"),
    "mailchimp": (EMAILS, "Email Address,purchase_propensity,propensity_score\r\n"),
    "braze": (IDS, "external_id,purchase_propensity,propensity_score\r\n"),
    "customerio": (IDS, "id,purchase_propensity,propensity_score\r\n"),
}


@pytest.mark.parametrize("kind", GOLDEN)
def test_a_campaign_file_is_as_the_tool_imports_it(kind: str, tmp_path: Path) -> None:
    members, header = GOLDEN[kind]
    first, last = members[0].member.customer_id, members[-1].member.customer_id
    rest = "0.995,100" if members is EMAILS else "0.00001,0"
    assert in_files(kind, tmp_path, members, holdout=True) == {
        "audience.csv": f"{header}{first},0.3333333333333333,33\r\n".encode(),
        "audience.holdout.csv": f"{header}{last},{rest}\r\n".encode(),
    }


def test_customers_known_by_e_mail_only_are_imported_by_it(tmp_path: Path) -> None:
    (content,) = in_files("customerio", tmp_path, EMAILS[:1]).values()
    assert content.startswith(b"email,purchase_propensity,propensity_score\r\na@shop.example,")


def test_an_e_mail_address_may_be_an_id_among_others(tmp_path: Path) -> None:
    members = [*EMAILS, *IDS]
    content = in_files("customerio", tmp_path, members, holdout=True)["audience.csv"]
    assert content.startswith(b"id,purchase_propensity,propensity_score\r\na@shop.example,")
    assert len(content.splitlines()) == 3  # the unread one is left out


@pytest.mark.parametrize("kind", ["klaviyo", "mailchimp"])
def test_a_tool_that_needs_e_mail_addresses_gets_nothing_else(kind: str, tmp_path: Path) -> None:
    members = [*EMAILS, listed("secret-1"), listed("secret-2")]
    with pytest.raises(Rejected) as refused:
        in_files(kind, tmp_path, members, holdout=True)
    assert refused.value.field == "--format"
    assert re.findall(r"\d+", refused.value.reason) == ["1", "3", "3"]  # of the first 3, row 3
    assert "secret" not in str(refused.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text",
    ["a@shop.example", "o'hara+x@shop.co.uk", "a@bücher.example", f"{'a' * 241}@shop.example"],
)
def test_what_is_an_e_mail_address(text: str) -> None:
    assert is_email(text)
    assert text_cell(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("c1", "a@", "@b.example", "a@shop", "a@.example", "ñ@shop.example", "a@shop.example\n"),
        *("a b@shop.example", "a@b@shop.example", f"{'a' * 242}@shop.example"),
        *("+a@shop.example", "=a@shop.example", "-a@shop.example", "'a@shop.example"),
    ],
)
def test_what_is_no_e_mail_address_for_a_campaign(text: str) -> None:
    assert not is_email(text)


def test_the_limits_are_the_tools_own() -> None:
    limits = {kind: profile.most_bytes for kind, profile in PROFILES.items()}
    assert limits == {
        "klaviyo": 50_000_000,
        "braze": 500_000_000,
        "mailchimp": None,
        "customerio": 100_000_000,
    }


def cells_of(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


@given(TEXT)
def test_no_text_runs_as_a_formula(text: str) -> None:
    ((cell, number),) = cells_of(csv_lines([(text_cell(text), 0.5)])[0].decode())
    assert cell[0] not in "=+-@\t\r\n\0"
    assert cell.removeprefix("'") == text
    assert number == "0.5"


@given(st.sampled_from("=+-@\t\r\n\0'"), TEXT, TEXT)
def test_a_formula_is_text_in_every_csv_file(start: str, text: str, harmless: str) -> None:
    members = [listed(start + text), listed("x" + harmless)]
    rows = cells_of(on_stdout("csv", members))
    assert rows == [
        ["customer_id", "probability", "arm"],
        ["'" + start + text, "0.5", "champion"],
        ["x" + harmless, "0.5", "champion"],
    ]


def test_escaped_ids_are_counted(tmp_path: Path) -> None:
    for kind, escaped in (("csv", 2), ("ndjson", 0), ("parquet", 0), ("braze", 2)):
        output = tmp_path / kind
        with open_audience_files(kind, output, stdout=io.BytesIO(), holdout=True) as files:
            files.write([listed("=1"), listed("-2", held_out=True), listed("3")])
        assert files.escaped == escaped


@given(
    st.lists(st.tuples(TEXT, st.floats(1e-9, 1)), max_size=30),
    st.integers(min_value=200, max_value=2_000),
)
@settings(max_examples=examples(50))
def test_parts_are_small_enough_and_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float]], most_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("parts")
    profile = Profile(tool="Tool", id_column="id", email_column="email", most_bytes=most_bytes)
    output = folder / "list.csv"
    with pending_files() as files, ExitStack() as spools:
        parts = [Parts(output, most_bytes=most_bytes, spools=spools)]
        sheet = CampaignSheet(profile, parts, files.open)
        sheet.write([listed(*row) for row in rows])
        sheet.finish()
    contents = [path.read_bytes() for path in files.paths]
    assert [path.name for path in files.paths] == [
        "list.csv",
        *(f"list.{number}.csv" for number in range(2, len(contents) + 1)),
    ]
    assert all(len(content) <= most_bytes for content in contents)
    tables = [cells_of(content.decode()) for content in contents]
    assert {tuple(table[0]) for table in tables} <= {
        (column, "purchase_propensity", "propensity_score") for column in ("id", "email")
    }
    assert [(cell, float(number)) for table in tables for cell, number, _ in table[1:]] == [
        (text_cell(customer), probability) for customer, probability in rows
    ]
    assert len(contents) == 1 or all(len(table) > 1 for table in tables)


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "klaviyo", "braze", "customerio"])
@pytest.mark.parametrize("trouble", [RuntimeError, KeyboardInterrupt, Rejected])
def test_an_error_in_the_middle_leaves_no_file_and_the_old_one(
    kind: str, trouble: type[BaseException], tmp_path: Path
) -> None:
    output = tmp_path / "audience.csv"
    output.write_text("the old one")

    def begin_and_fail() -> None:
        with open_audience_files(kind, output, stdout=io.BytesIO(), holdout=True) as files:
            files.write(EMAILS)
            raise trouble("x", "y")

    with pytest.raises(trouble):
        begin_and_fail()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the old one"]


def test_a_complete_file_replaces_the_old_one(tmp_path: Path) -> None:
    output = tmp_path / "audience.csv"
    for members in (IDS, IDS[:1]):
        with open_audience_files("csv", output, stdout=io.BytesIO(), holdout=False) as files:
            files.write(members)
    assert output.read_text() == "customer_id,probability,arm\nc1,0.3333333333333333,champion\n"
    assert list(tmp_path.iterdir()) == [output]


def test_nobody_listed_is_a_file_with_a_header(tmp_path: Path) -> None:
    assert in_files("klaviyo", tmp_path, []) == {
        "audience.csv": b"Email Address,purchase_propensity,propensity_score\r\n"
    }


@pytest.mark.parametrize("kind", ["csv", "parquet", "braze"])
def test_a_place_where_no_file_can_be_is_refused_before_anything_is_read(
    kind: str, tmp_path: Path
) -> None:
    output = tmp_path / "nowhere" / "audience.csv"
    with (
        pytest.raises(Rejected, match="nowhere") as caught,
        open_audience_files(kind, output, stdout=io.BytesIO(), holdout=False),
    ):
        pytest.fail("the block was entered")
    assert caught.value.field == "--output"


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    output = tmp_path / "audience.csv"
    output.mkdir()
    with pytest.raises(Rejected, match=r"audience\.csv") as caught:
        in_files("csv", tmp_path, IDS)
    assert caught.value.field == "--output"
    assert list(tmp_path.iterdir()) == [output]


def written(
    output: Path, members: Sequence[Listed] = IDS, *, kind: str = "csv", partial: bool = False
) -> tuple[Sequence[Path], Sequence[Path]]:
    """The files of an audience with a control group, and those of earlier ones beside them."""
    with open_audience_files(kind, output, stdout=io.BytesIO(), holdout=True) as files:
        files.write(members)
        if partial:
            files.mark_partial()
    return files.paths, files.stale


@pytest.mark.parametrize("kind", ["csv", "ndjson", "parquet", "braze"])
def test_a_partial_audience_leaves_the_whole_one_of_before(kind: str, tmp_path: Path) -> None:
    output, control = tmp_path / "floral.csv", tmp_path / "floral.holdout.csv"
    output.write_text("whole")
    control.write_text("whole too")
    paths, stale = written(output, kind=kind, partial=True)
    names = ["floral.partial.csv", "floral.holdout.partial.csv"]
    assert paths == [tmp_path / name for name in names]
    assert (output.read_text(), control.read_text(), stale) == ("whole", "whole too", [])
    assert set(tmp_path.iterdir()) == {output, control, *paths}


def no_file(kind: str, place: Path) -> None:
    if kind == "fifo":
        os.mkfifo(place)
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to({"device": "/dev/null", "loop": place.name}[kind])


@pytest.mark.parametrize("found", ["fifo", "folder", "device", "loop"])
@pytest.mark.parametrize("name", ["floral.csv", "floral.holdout.csv", "floral.partial.csv"])
@pytest.mark.parametrize("kind", ["csv", "braze"])
def test_what_is_no_regular_file_is_never_replaced(
    kind: str, name: str, found: str, tmp_path: Path
) -> None:
    place = tmp_path / name
    no_file(found, place)
    before = place.lstat()
    with (
        pytest.raises(Rejected) as caught,
        open_audience_files(kind, tmp_path / "floral.csv", stdout=io.BytesIO(), holdout=True),
    ):
        pytest.fail("the block was entered")
    assert caught.value.field == "--output"
    assert str(tmp_path) in caught.value.reason
    assert (place.lstat().st_ino, place.lstat().st_mode) == (before.st_ino, before.st_mode)
    assert list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_target_is_written(exists: bool, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target, link = folder / "march.csv", tmp_path / "latest.csv"
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    paths, _ = written(link)
    assert paths == [target, folder / "march.holdout.csv"]
    assert link.readlink() == target
    assert target.read_bytes().startswith(b"customer_id,probability")
    assert sorted(folder.iterdir()) == sorted(paths)


def test_files_of_an_earlier_export_are_found_and_left(tmp_path: Path) -> None:
    old = [
        *("floral.2.csv", "floral.13.csv", "floral.holdout.2.csv", "floral.partial.csv"),
        *("floral.2025.csv", "floral.1.csv", "floral.2.ndjson", "floralx2.csv", "other.2.csv"),
    ]
    for name in old:
        (tmp_path / name).write_text("old")
    _, stale = written(tmp_path / "floral.csv")
    assert {path.name for path in stale} == set(old[:4])
    assert {path.read_text() for path in stale} == {"old"}
    (tmp_path / "floral.4.csv").symlink_to("floral.4.csv")
    (tmp_path / "floral.3.partial.csv").write_text("old")
    _, stale = written(tmp_path / "floral.csv", partial=True)
    assert [path.name for path in stale] == ["floral.3.partial.csv"]


class Failing(io.BytesIO):
    """Stdout once its disk is full or its reader has left."""

    def __init__(self, error: OSError) -> None:
        super().__init__()
        self.error = error

    def flush(self) -> None:
        raise self.error


def test_a_full_disk_is_a_sentence_and_a_reader_who_left_is_none() -> None:
    full, left = OSError(errno.ENOSPC, "No space left on device"), BrokenPipeError()
    for error, seen in ((full, Rejected), (left, BrokenPipeError)):
        with (
            pytest.raises(seen) as raised,
            open_audience_files("csv", None, stdout=Failing(error), holdout=False) as files,
        ):
            files.write(IDS)
        assert "No space left" in str(raised.value) or raised.value is left


@pytest.mark.parametrize("kind", ["parquet", "klaviyo", "braze", "mailchimp", "customerio"])
def test_formats_that_are_no_stream_need_a_file(kind: str) -> None:
    stdout: BinaryIO = io.BytesIO()
    with (
        pytest.raises(Rejected, match="--output") as caught,
        open_audience_files(kind, None, stdout=stdout, holdout=False),
    ):
        pytest.fail("the block was entered")
    assert caught.value.field == "--format"
    assert kind in caught.value.reason


TOOLS = ["klaviyo", "mailchimp", "braze", "customerio"]
some_customers = st.lists(
    st.tuples(
        st.one_of(
            st.sampled_from(["ann@shop.example", "Ann@Shop.example", "bob@shop.example", "c-1"]),
            st.emails(),
            TEXT,
        ),
        st.floats(0, 1),
        st.booleans(),
    ),
    unique_by=lambda row: row[0],
    max_size=12,
)


@pytest.mark.parametrize("tool", TOOLS)
@given(rows=some_customers)
@settings(max_examples=examples(60))
def test_every_file_keeps_the_published_rules_of_its_tool(
    tool: str, rows: list[tuple[str, float, bool]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The rules as the tools publish them; the sources are in profiles.py."""
    members = [listed(customer, p, held_out=held_out) for customer, p, held_out in rows]
    try:
        found = in_files(tool, tmp_path_factory.mktemp(tool), members, holdout=True)
    except Rejected:
        assert tool in {"klaviyo", "mailchimp"}
        assert not all(is_email(customer) for customer, _, _ in rows)
        return
    mailed, held_out = (
        cells_of(found[n].decode()) for n in ("audience.csv", "audience.holdout.csv")
    )
    assert mailed[0] == held_out[0]
    column = mailed[0][0]
    assert (
        column
        == {
            "klaviyo": "Email Address",
            "mailchimp": "Email Address",
            "braze": "external_id",
            "customerio": "email" if all(is_email(customer) for customer, _, _ in rows) else "id",
        }[tool]
    )
    ids = [row[0] for row in (*mailed[1:], *held_out[1:])]
    if column in {"email", "Email Address"}:
        assert len({each.casefold() for each in ids}) == len(ids)  # one person, one row
        assert {each.casefold() for each in ids} == {c.casefold() for c, _, _ in rows}
        kept_out = {c.casefold() for c, _, out in rows if out}
        assert kept_out == {row[0].casefold() for row in held_out[1:]}
        assert all(len(each.encode()) <= 255 and "\n" not in each for each in ids)
    else:
        assert sorted(ids) == sorted(text_cell(customer) for customer, _, _ in rows)
    for _, probability, score in (*mailed[1:], *held_out[1:]):
        assert re.fullmatch(r"[0-9]+\.[0-9]+", probability)
        assert 0 <= int(score) <= 100


def test_of_two_forms_of_an_address_one_is_mailed_and_the_other_counted(tmp_path: Path) -> None:
    output = tmp_path / "audience.csv"
    with open_audience_files("klaviyo", output, stdout=io.BytesIO(), holdout=True) as files:
        files.write([listed("Ann@shop.example", 0.9), listed("bob@shop.example", 0.5)])
        files.write([listed("ann@shop.example", 0.1), listed("BOB@shop.example", held_out=True)])
    assert files.merged == 2
    assert cells_of(output.read_text())[1:] == [["Ann@shop.example", "0.9", "90"]]


def test_excel_knows_utf8_by_its_mark(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with open_audience_files("csv", None, stdout=stream, holdout=False, excel=True) as files:
        files.write([listed("Jos\u00e9")])
    assert stream.getvalue().startswith(b"\xef\xbb\xbfcustomer_id,")
    output = tmp_path / "a.csv"
    with open_audience_files("csv", output, stdout=stream, holdout=True, excel=True) as files:
        files.write([listed("Jos\u00e9")])
    assert all(path.read_bytes().startswith(b"\xef\xbb\xbf") for path in tmp_path.iterdir())
    for kind in ("ndjson", "parquet", "klaviyo"):
        with (
            pytest.raises(Rejected),
            open_audience_files(kind, output, stdout=stream, holdout=False, excel=True),
        ):
            pass


@given(st.floats(0, 1))
def test_a_number_is_plain_and_reads_back_as_the_same_float(number: float) -> None:
    assert float(plain_number(number)) == number
    assert "e" not in plain_number(number)
