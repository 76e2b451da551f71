"""Serving needs neither the training libraries nor the sample's."""

import json
import subprocess
import sys

HEAVY = {"sklearn", "skl2onnx", "onnx", "scipy", "pandas", "pyarrow", "ministack", "moto"}


def test_serving_imports_no_training_library() -> None:
    program = (
        "import json, sys; import api.cli, api.app, adapters.scorers.onnx; "
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
    assert not HEAVY & set(json.loads(found.stdout))
