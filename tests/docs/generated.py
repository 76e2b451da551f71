"""Pages and pictures that come from the code; `make docs-reference` writes them.

A test compares what is stored with what the code says now.
"""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from msgspec import structs

from api.process import PREFIX, Settings, described, shown
from api.process.events import EVENTS, EVERY_LINE
from benchmarks.scale import blocks
from tests.docs.charts import charts
from tests.docs.figures import speed_tables
from tests.docs.metrics import metrics_table
from tests.docs.pages import DOCS, PACKAGES, ROOT
from tests.docs.pictures import architecture, performance, tables, window
from tests.docs.rooms import rooms
from tests.observe.dashboards import dashboards

SETTINGS: Mapping[str, Sequence[str]] = {
    "The ten that matter first": (
        "dynamodb_endpoint region table_prefix currency recent_days registry models "
        "banner_min_probability host open_access"
    ).split(),
    "Local data": ("home",),
    "Access": ("access_key_id", "secret_access_key"),
    "Models": ("audience_model", "scorers", "registry_poll_s", "banner_max_probability"),
    "Console": ("console", "console_key"),
    "Campaigns": ("campaigns", "campaign_retention_days"),
    "Decisions": (
        "decisions decision_deadline_ms customer_token_keys customer_token_secret "
        "customer_token_other_secret customer_token_audience demo_shop"
    ).split(),
    "Log of decisions": (
        "decision_log decision_log_key decision_log_shares "
        "decision_log_flush_s decision_log_retention_days"
    ).split(),
    "Keeping and erasing": ("purchase_retention_days", "erasure_suppression_days"),
    "Metrics": "metrics_port metrics_host lambda_metrics".split(),
    "Logs": "log_level access_log_share".split(),
    "HTTP": ("port requests_in_work requests_waiting cursor_key cursor_ttl_s").split(),
    "Queue": (
        "queue dead_letter_queue queue_endpoint queue_visibility_s worker_concurrency"
    ).split(),
    "Deadlines and connections": (
        "keep_alive_s client_silence_s drain_s graceful_stop_s connect_timeout_s read_timeout_s read_deadline_s read_consistency write_deadline_s batch_deadline_s "
        "audience_deadline_s connections"
    ).split(),
    "Prices": ("read_price_per_million", "write_price_per_million"),
}


PAGES_WITH_TABLES = (
    DOCS / "how-to" / "costs.md",
    DOCS / "explanation" / "scale.md",
    DOCS / "how-to" / "metrics.md",
    DOCS / "explanation" / "performance.md",
    ROOT / "README.md",
)
_PLACE = re.compile(r"(<!-- generated: (\w+) -->\n\n).*?(?=<!-- end -->)", re.DOTALL)
"""Where a page that people write holds a table that is computed."""


def generated() -> Mapping[Path, str]:
    """Every generated file with the text that it must have."""
    computed = tables_by_name()
    return {
        DOCS / "reference" / "cli.md": _commands(),
        DOCS / "reference" / "settings.md": _settings(),
        DOCS / "reference" / "logs.md": _events(),
        DOCS / "reference" / "rooms.md": _rooms(),
        DOCS / "explanation" / "architecture.svg": architecture(),
        DOCS / "explanation" / "tables.svg": tables(),
        DOCS / "explanation" / "window.svg": window(),
        DOCS / "explanation" / "performance.svg": performance(),
        **{page: _with_tables(page, computed) for page in PAGES_WITH_TABLES},
        **dashboards(),
    }


def tables_by_name() -> Mapping[str, str]:
    """Every computed table that a page may hold."""
    return {**blocks(), **speed_tables(), "metrics": metrics_table()}


def _with_tables(page: Path, tables: Mapping[str, str]) -> str:
    """The page as it stands, with the tables that its places name.

    Raises:
        KeyError: a place names no table.
    """
    return _PLACE.sub(lambda place: f"{place[1]}{tables[place[2]]}\n\n", page.read_text())


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


_EVENTS_INTRODUCTION = (
    "A line of the log is one event with its fields. It is JSON, or coloured text on a terminal. "
    "[Logs and traces](../how-to/logs-and-traces.md) shows\nhow to read it. Names of events and "
    "fields may change before 1.0, and the changelog says so."
)


def _events() -> str:
    every = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in EVERY_LINE.items())
    rows = "\n".join(
        f"| `{name}` | {event.level} | {_fields(event.fields)} | {event.when} |"
        for name, event in EVENTS.items()
    )
    return "\n\n".join(
        (
            "# Lines of the log",
            _EVENTS_INTRODUCTION,
            "## Every line",
            f"| field | meaning |\n|---|---|\n{every}",
            "## Events",
            f"| event | level | fields | when |\n|---|---|---|---|\n{rows}\n",
        )
    )


def _fields(meanings: Mapping[str, str]) -> str:
    return "<br>".join(f"`{name}`: {meaning}" for name, meaning in meanings.items())


def setting_names() -> list[str]:
    """Every setting, as the code has them."""
    return [each.name for each in structs.fields(Settings)]


def _rooms() -> str:
    parts = ["# Rooms", "Every room of the code and its purpose, taken from the code."]
    for package in PACKAGES:
        rows = (f"| `{package}.{name}` | {purpose} |" for name, purpose in rooms(package))
        parts += [f"## {package}", "\n".join(("| room | purpose |", "|---|---|", *rows))]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    for path, text in {**generated(), **charts()}.items():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")
