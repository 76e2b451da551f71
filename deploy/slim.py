"""Removes from an environment what propensity never opens: an image should be small.

Run: python slim.py SITE_PACKAGES
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

SERVICES = {"dynamodb", "s3", "sqs", "sso", "sso-oidc", "sts", "signin"}
"""What is called on AWS, and what finds credentials there."""
NEEDLESS = [
    "onnx/backend/test",
    "onnxruntime/datasets",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
]
WITH_SYMBOLS = ["zstandard/*.so", "uvloop/*.so", "_brotli*.so", "obstore/*.so"]
"""What comes with debug symbols. A library that was patched for its wheel would not survive this."""
_LOCALE = re.compile(r"[a-z]{2,3}_[A-Z]{2}")


def needless(packages: Path) -> Iterator[Path]:
    """The files and folders that nobody opens."""
    for file in (packages / "litestar_offline_docs/static").iterdir():
        if not file.name.startswith("swagger"):  # other viewers of the API's document
            yield file
    yield from (packages / name for name in NEEDLESS)
    for folder in (packages / "botocore/data").iterdir():
        if folder.is_dir() and folder.name not in SERVICES:
            yield folder
    yield from (packages / "numpy").rglob("tests")
    for folder in (packages / "faker/providers").glob("*/*"):  # Litestar's examples are in English
        if _LOCALE.fullmatch(folder.name) and folder.name != "en_US":
            yield folder


def main() -> None:
    """Removes it, and says how much is left."""
    packages = Path(sys.argv[1])
    for path in list(needless(packages)):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    if strip := shutil.which("strip"):
        for library in (each for pattern in WITH_SYMBOLS for each in packages.glob(pattern)):
            subprocess.run([strip, "--strip-debug", str(library)], check=True)  # noqa: S603  # binutils
    left = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file())
    print(f"{left / 1e6:.0f} MB of packages")  # noqa: T201  # for whoever builds


if __name__ == "__main__":
    main()
