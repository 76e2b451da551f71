"""What was logged, line by line."""

import json
from typing import Any

import pytest


def lines_of(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Every line with its fields."""
    return [json.loads(line) for line in caplog.text.splitlines()]
