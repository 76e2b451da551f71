"""What a demo sets for itself, and tells other commands by a file."""

import os
import shlex
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from secrets import token_bytes, token_hex

from dotenv import dotenv_values
from msgspec.structs import replace

from api.composition import port_is_free
from api.process import PREFIX, Secret, Settings

HOST = "127.0.0.1"
METRICS_PORT = 9464
"""Where Prometheus may ask, unless somebody listens there. Source: OpenTelemetry's exporter."""
_KEY = "decision_log_key"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The demo's settings: `lasting` belong to its data, and `passing` to this run of it.

    What somebody has set stays as it is.
    """

    settings: Settings
    lasting: Mapping[str, object]
    passing: Mapping[str, object]

    @classmethod
    def of(cls, settings: Settings, port: int) -> "Surroundings":
        """Those of a demo on this port; the log's key is that of an earlier demo, if there was one."""
        given = {name.upper() for name in (*dotenv_values(".env"), *os.environ)}

        def unset(wanted: Mapping[str, object]) -> Mapping[str, object]:
            return {name: each for name, each in wanted.items() if _spelled(name) not in given}

        lasting = unset(_lasting(settings))
        if "decision_log" not in lasting:  # the key would be that of another log
            lasting = {name: each for name, each in lasting.items() if name != _KEY}
        passing = {"host": HOST, "port": port, **unset(_passing(settings))}
        return cls(replace(settings, **lasting, **passing), lasting, passing)

    def keep(self) -> None:
        """Other commands find what belongs to the data; so does the next demo."""
        home = self.settings.home
        home.mkdir(parents=True, exist_ok=True)
        flags = _flags(home)
        if self.lasting.get("decisions") == str(flags) and not flags.exists():
            flags.write_text((files("api.cli.demo") / "flags.toml").read_text())
        path = _file(home)
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={shlex.quote(v)}\n" for name, v in _text(self.lasting)))

    def environment(self) -> Mapping[str, str]:
        """What a process of this demo finds in its environment."""
        return dict((*_text(self.lasting), *_text(self.passing)))

    @property
    def told_by(self) -> str:
        """What makes a shell's commands ask as the demo does."""
        return f"set -a; . {shlex.quote(str(_file(self.settings.home)))}; set +a"


def _lasting(settings: Settings) -> Mapping[str, object]:
    found: dict[str, object] = {"decisions": str(_flags(settings.home))}
    if len(settings.served_models) > 1:
        found["audience_model"] = settings.served_models[1]
    if find_spec("pyarrow") is not None:
        kept = dotenv_values(_file(settings.home)).get(_spelled(_KEY))
        found["decision_log"] = str(settings.home / "decisions")
        found[_KEY] = Secret(kept or b64encode(token_bytes(32)).decode())
    return found


def _passing(settings: Settings) -> Mapping[str, object]:
    found: dict[str, object] = {"console": find_spec("jinja2") is not None}
    if not settings.customer_token_keys:  # with keys of the shop's own, the demo can sign nothing
        found["customer_token_secret"] = Secret(token_hex(32))
        found["demo_shop"] = True
    if find_spec("prometheus_client") is not None and port_is_free(METRICS_PORT, HOST):
        found["metrics_port"] = METRICS_PORT
    return found


def _file(home: Path) -> Path:
    return home / "demo.env"


def _flags(home: Path) -> Path:
    """A file of flags, which people may change."""
    return home / "decisions.toml"


def _spelled(name: str) -> str:
    return PREFIX + name.upper()


def _text(values: Mapping[str, object]) -> list[tuple[str, str]]:
    return [
        (_spelled(name), each.value if isinstance(each, Secret) else str(each))
        for name, each in values.items()
    ]
