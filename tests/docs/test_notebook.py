"""The notebook of the docs goes from data to a promoted version."""

import json
from pathlib import Path

import pytest

from tests.docs.notebook import NOTEBOOK, cells_of, execute


def test_the_stored_notebook_was_executed_without_an_error() -> None:
    notebook = json.loads(NOTEBOOK.read_text())
    counts = [cell["execution_count"] for cell in cells_of(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    kinds = {output["output_type"] for cell in cells_of(notebook) for output in cell["outputs"]}
    assert kinds == {"stream"}


@pytest.mark.full
@pytest.mark.early(50)
def test_the_notebook_runs_from_data_to_a_promoted_version(tmp_path: Path) -> None:
    names = execute(json.loads(NOTEBOOK.read_text()), tmp_path)["names"]
    assert names["online"] == names["offline"]
    assert names["answer"]["model"]["version"] == 2
