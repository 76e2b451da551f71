"""Admission: what a version must show before it answers customers, beyond being loadable.

Unlike the gates of every load these are judgements, made once: a reason given may overrule them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import cycle, islice
from statistics import median

import numpy as np
from numpy.typing import NDArray

from domain.prediction import Scorer
from model_registry.errors import GateFailed
from model_registry.gates.load import Loaded
from model_registry.revisions import GateResult, Judge
from model_registry.versions import GoldenVectors, Manifest

QUALITY_MARGIN = 0.02
"""How much less skill than the champion's is not yet worse: about the width of its interval."""
LATENCY_BUDGET_S = 0.005
"""Of one customer's score. The scorer runs on the event loop: sixteen wait for one another."""
_WAY_OUT = {
    "quality": "train a better one",
    "latency": "take a smaller model, or try again when this machine is less busy",
}
"""What to do where a gate is not passed, but for overruling it."""
_TIMED = 51


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Judges a version that passed every load gate; `seconds` is a clock for durations."""

    seconds: Callable[[], float]

    def __call__(
        self,
        manifest: Manifest,
        loaded: Loaded,
        *,
        champion: Callable[[int], Manifest | None],
        force: bool,
    ) -> Judge:
        """Says of the version, given the current revision, what each gate saw.

        `champion` reads a manifest, if it can be read; each one is read once. Where a gate is not
        passed the judge raises GateFailed, unless it is to be overruled by `force`.
        """
        latency = self._latency(manifest, loaded.scorer, loaded.golden)

        @cache
        def beside(version: int | None) -> tuple[GateResult, ...]:
            results = (quality(manifest, None if version is None else champion(version)), latency)
            failed = next((result for result in results if not result.passed), None)
            if failed is not None and not force:
                raise GateFailed(failed.gate, _refusal(failed))
            return results

        return lambda current: beside(None if current is None else current.state.champion)

    def _latency(self, manifest: Manifest, scorer: Scorer, golden: GoldenVectors) -> GateResult:
        rows = np.split(golden.matrix, len(golden.matrix))
        took_s = median(self._timed(scorer, row) for row in islice(cycle(rows), _TIMED))
        return GateResult(
            version=manifest.version,
            gate="latency",
            passed=took_s <= LATENCY_BUDGET_S,
            detail=f"one customer's score takes {took_s * 1e3:.3g} ms here (median of {_TIMED}), "
            f"allowed are {LATENCY_BUDGET_S * 1e3:g} ms",
        )

    def _timed(self, scorer: Scorer, row: NDArray[np.float64]) -> float:
        begun = self.seconds()
        scorer.score(row)
        return self.seconds() - begun


def quality(manifest: Manifest, champion: Manifest | None) -> GateResult:
    """Whether a version has no less skill on its held-out customers than the champion on its own.

    Skill is 1 - log loss / log loss of answering everyone with the base rate, so that versions
    held out on different customers compare. Source: Brier skill score, with the log score.
    """
    ours = _skill(manifest)
    theirs = None if champion is None else _skill(champion)
    if champion is None or theirs is None:
        compared = (
            "no champion that can be read"
            if champion is None
            else f"champion {champion.version} has no skill on record"
        )
        passed, detail = True, f"{compared} to compare with"
    elif ours is None:
        passed = False
        detail = f"has no skill on record, champion {champion.version} has {theirs:.3f}"
    else:
        passed = ours >= theirs - QUALITY_MARGIN
        detail = (
            f"skill {ours:.3f} on held-out customers, champion {champion.version} has {theirs:.3f}, "
            f"allowed are {QUALITY_MARGIN:g} less"
        )
    return GateResult(version=manifest.version, gate="quality", passed=passed, detail=detail)


def _refusal(failed: GateResult) -> str:
    return (
        f"version {failed.version}: {failed.detail}; {_WAY_OUT[failed.gate]}, or overrule this "
        "gate with --force, which the history keeps"
    )


def _skill(manifest: Manifest) -> float | None:
    log_loss = manifest.metrics.get("log_loss")
    base = manifest.metrics.get("base_rate_log_loss")
    return None if log_loss is None or not base else 1.0 - log_loss / base
