"""The guide's examples of signing a customer, run where their language is at hand."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from adapters.clock import SystemClock
from adapters.customer_tokens import JwtCustomerTokens, shared_secrets
from tests.docs.pages import DOCS, blocks

GUIDE = DOCS / "how-to" / "web-shop.md"
SECRET = "a secret of the tests with 32 bytes"  # noqa: S105  # of no deployment
CUSTOMER = "käufer/1"
NAMES = json.dumps(CUSTOMER, ensure_ascii=False), json.dumps(SECRET)


def example(kind: str, word: str) -> str:
    """The guide's first block in this language that holds the word."""
    return next(text for found, text in blocks(GUIDE) if found == kind and word in text)


def run(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def check(token: str) -> None:
    tokens = JwtCustomerTokens(shared_secrets(SECRET), audience="propensity", clock=SystemClock())
    assert tokens.customer_of(token) == CUSTOMER


def test_the_example_in_python_signs_a_token() -> None:
    head = "customer_id, secret = {}, {}\n".format(*NAMES)
    check(run(sys.executable, "-c", head + example("python", "jwt.encode") + "\nprint(token)"))


@pytest.mark.full
def test_the_example_in_node_signs_a_token() -> None:
    head = "const customerId = {}, secret = {};\n".format(*NAMES)
    text = head + example("js", "createHmac") + "\nconsole.log(token);"
    check(run("node", "-e", text))


@pytest.mark.full
def test_the_example_in_php_signs_a_token() -> None:
    if shutil.which("php") is None:
        pytest.skip("PHP is not on this machine; the Makefile installs no language of its own")
    head = "$customerId = {}; $secret = {};\n".format(*NAMES)
    check(run("php", "-r", head + example("php", "hash_hmac") + "\necho $token;"))
