"""A process that registers, promotes and serves boosted trees, where they are installed and allowed.

`python -m tests.plugins.serving FOLDER`; prints the scores of the golden rows.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path

from api.composition import open_registry
from api.process import load_settings
from model_registry.serving import LiveModel
from model_registry.versions import GoldenVectors
from tests.registries import NAME, a_candidate

KIND = "boosted-trees"


def main(folder: Path) -> None:
    golden = GoldenVectors.decode("golden", (folder / "golden.json").read_bytes())
    candidate = replace(
        a_candidate(),
        scorer_kind=KIND,
        blobs={"model": (folder / "model.onnx").read_bytes()},
        golden=golden,
    )
    registry = open_registry(load_settings())
    version = registry.register(NAME, candidate, actor="tests").version
    registry.promote(NAME, version, actor="tests", reason="an example")
    live = LiveModel(registry, NAME)
    live.start()
    json.dump(live.snapshot().champion.scorer.score(golden.matrix).tolist(), sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
