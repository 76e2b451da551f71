"""The champion changes while requests run, in every process, and nobody notices but by the answer."""

from pathlib import Path

import pytest

from benchmarks.swap_under_load import swaps_under_load

pytestmark = pytest.mark.full


def test_promotions_and_rollbacks_under_load_fail_no_request_and_mix_no_versions(
    home: Path,
) -> None:
    assert home.exists()  # without settings of this machine
    outcome = swaps_under_load(processes=2, swaps=12, clients=2, poll_s=0.1)
    assert outcome.failed.total() == 0
    assert outcome.mixed == 0
    assert outcome.overtaken == 0
    assert len(outcome.lags) == 12  # each was served by both processes in the end
    revisions = {answer.revision for answer in outcome.answers}
    assert max(revisions) >= 12  # of 13 revisions the last may not have been asked for
    assert {answer.version for answer in outcome.answers} == {1, 2}
    assert outcome.replaced  # one process was killed in the end
