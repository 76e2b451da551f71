"""Every text of the code that a person may read, on one page; `make golden` writes it.

Messages, log lines and prompts are taken from the code itself, so that none is missing. What a
message is filled with stands in braces. Help and docstrings are on other pages.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = Path(__file__).with_name("messages.md")
PACKAGES = ("domain", "model_registry", "adapters", "api")
_ELSEWHERE = {"help", "description", "summary", "operation_id", "show_default", "pattern"}
"""Arguments whose texts stand in the reference of commands, settings or routes."""
_WORDS = re.compile(r"[A-Za-z][a-z'-]+,? [a-z0-9{`'\"]")
_TYPE = re.compile(r"[\w.]*\[.*\]$|<link ")
_INTRODUCTION = (
    "# Messages\n\nEvery text that people may read, module by module, taken from the code. "
    "Braces stand for what is filled in.\nTests assert classes, fields and effects; the wording is "
    "compared here. `make golden` writes this page again.\n"
)


def page() -> str:
    """The page as the code says it now."""
    parts = [_INTRODUCTION]
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            texts = list(dict.fromkeys(_texts(ast.parse(path.read_text()))))
            if texts:
                module = path.relative_to(ROOT).with_suffix("").as_posix().replace("/", ".")
                parts.append("\n".join([f"## {module}\n", *(f"- {text}" for text in texts)]) + "\n")
    return "\n".join(parts)


def _texts(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.Constant | ast.JoinedStr):
        text = _shown(node)
        if _WORDS.search(text) and not _TYPE.match(text):
            yield text
        return
    for each in ast.iter_child_nodes(node):
        if not (isinstance(each, ast.keyword) and each.arg in _ELSEWHERE):
            yield from _texts(each)


def _shown(node: ast.expr) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_shown, node.values))
    if isinstance(node, ast.FormattedValue):
        return "{" + re.sub(r"\W+", " ", ast.unparse(node.value)).strip() + "}"
    value = node.value if isinstance(node, ast.Constant) else None
    return value.replace("\n", " ") if isinstance(value, str) else ""


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}\n")
