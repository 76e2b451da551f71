"""The pages a reader meets, in the order in which they are met, and the prose in them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
PACKAGES = ("api", "adapters", "model_registry", "domain")
"""From the outside inwards."""
_FENCE = re.compile(r"^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_ENTRY = re.compile(r"\n\s*\n|\n\s*(?=\w+: )|;\s|\n\s*(?=[*x+-] )")
_NOT_PROSE = re.compile(r"^(#|\||!\[|\[!|<|---)")
_ITEM = re.compile(r"^\s*([-*]|\d+\.)\s+")
_END = re.compile(r"(?<=[.!?:])[\"”)*]*\s+(?=[\"“(*`]*[A-Z0-9/`])")


def site_pages() -> list[Path]:
    """The pages of the site in the order of its navigation."""
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text())
    return [DOCS / page for page in _leaves(settings["nav"])]


def _leaves(nav: object) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    elif isinstance(nav, dict):
        for each in nav.values():
            yield from _leaves(each)
    elif isinstance(nav, list):
        for each in nav:
            yield from _leaves(each)


def written_pages() -> list[Path]:
    """README and every page that people write; what is generated is measured where it comes from."""
    generated = {DOCS / "reference" / name for name in ("cli.md", "settings.md", "rooms.md")}
    return [README, *(page for page in sorted(DOCS.rglob("*.md")) if page not in generated)]


def blocks(page: Path) -> list[tuple[str, str]]:
    """The fenced blocks of a page: kind and text."""
    return [(each["kind"], each["text"]) for each in _FENCE.finditer(page.read_text())]


def sentences(page: Path) -> list[str]:
    """The sentences of a page's prose: no code, no tables, no headings."""
    found: list[str] = []
    for paragraph in _paragraphs(_FENCE.sub("\n", page.read_text())):
        found += [each for each in _END.split(paragraph) if re.search(r"\w", each)]
    return found


def _paragraphs(text: str) -> Iterator[str]:
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        starts = not line.strip() or _NOT_PROSE.match(line) or _ITEM.match(line)
        if starts and lines:
            yield " ".join(lines)
            lines = []
        if line.strip() and not _NOT_PROSE.match(line):
            lines.append(_ITEM.sub("", line).strip())


def docstring_sentences() -> Iterator[str]:
    """The sentences of every docstring of the product; of sections such as Raises, each entry."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(
                    node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
                ):
                    yield from _docstring_sentences(ast.get_docstring(node) or "")


def _docstring_sentences(docstring: str) -> Iterator[str]:
    for paragraph in _ENTRY.split(docstring):
        yield from (each for each in _END.split(" ".join(paragraph.split())) if each)


def words(sentence: str) -> int:
    """How many words a sentence has; a link counts as its text, code as one word."""
    plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", sentence)
    plain = re.sub(r"`[^`]*`", "code", plain)
    return len(re.findall(r"[^\W_][\w'.,%-]*", plain))
