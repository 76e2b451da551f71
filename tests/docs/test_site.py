"""The documentation site builds strictly, and its pages ask no other host for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, site_pages


@pytest.mark.full
def test_the_site_builds_strictly_and_fetches_nothing(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(
        words, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) > len(site_pages())
    for page in pages:
        fetched = re.findall(
            r'<(?:script|link|img)\b[^>]*(?:src|href)="(https?:[^"]*)"', page.read_text()
        )
        assert not fetched, page


def test_every_page_of_the_navigation_exists() -> None:
    assert all(page.exists() for page in site_pages())
