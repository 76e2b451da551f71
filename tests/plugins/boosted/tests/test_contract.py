"""What the plugin's author runs: the contract of every scorer, on this one."""

import os
from pathlib import Path

from boosted_trees import build

from domain.prediction import Scorer
from model_registry.contract import ScorerContract


class TestBoostedTrees(ScorerContract):
    width = 1

    def build(self) -> Scorer:
        graph = Path(os.environ["BOOSTED_TREES_GRAPH"]).read_bytes()
        scorer: Scorer = build({}, {"model": graph})
        return scorer
