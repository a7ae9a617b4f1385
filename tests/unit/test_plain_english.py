"""Documents, messages, docstrings and comments: sentences with a subject and a verb, which name the thing.

A list of constructions that made readers stop, each with what to write in its place.
"""

from __future__ import annotations

import ast
import functools
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "pyoci"
PAGES = [
    *ROOT.glob("*.md"),
    *(page for page in ROOT.glob("docs/**/*.md") if page.name != "compatibility.md"),  # made by hack/compatibility
    *ROOT.glob("changelog.d/*.md"),
    ROOT / "conformance" / "README.md",
    ROOT / "launcher" / "snapshot" / "README.md",
]

STRANGE = {
    r"\bof which\b": "begin a sentence of its own: `it has 40 layers; two of them ...`",
    r"\b(is|are|was|were|be) told\b": "is reported, is logged, learns, knows",
    r"(?<!\b[Tt]here )\b(is|are|was|were) none\b": "is not a ..., is refused, is missing",
    r"(?<!\b[Tt]here )\b(is|are|was|were) no (?!longer\b|more\b|better\b|worse\b)\w": "is not a ...",
    r"\b(all|any\w*|every\w*|nothing|nobody|none) but\b|\bbut for\b": "except, only",
    r"\bin there\b": "name the place",
    r"\b(hear|hears|speak|speaks) of\b": "learns of, receives, says",
    r"(?:^|[.:;] |- )Who (?![^.]*\?)": "name the party: `a process that`, `a caller who`",
    r"\btells (what|whether|of|that|how|why|which)\b": "reports, shows, returns, says",
    r"\bwithout a word\b": "silently, without a message",
    r"\banew\b": "again",
    r"\b(its|their) kin\b": "and the like",
    r"\bfor want of\b": "for lack of",
    r"\bno (\w+ one|other one)\b": "not a ..., no other ...",
}
# Where people read, not programmers: here no clause stands for a noun at the beginning of a sentence.
STRANGE_FOR_USERS = {
    r"(?i)\bwhoever\b": "name the party: `the process that`, `anyone who`",
    r"(?:^|[.:;] |- |\| )(What|Whoever|Whose) (?![^.?]*\?)(?! *\|)": "name the thing: `files that are missing`",
}
# A message begins with the property: `/process/cwd: must be an absolute path, not "tmp"`.
STRANGE_IN_MESSAGES = {r"(?:^|[,:;] )(found|expected) (?!in\b)": "must be ..., not ...; needs ..."}
# A docstring begins with the thing: `The record of a container`, `Files that ...`.
CLAUSE_FOR_A_NOUN = r"^(What|Who|Whose|Whoever|Whatever) (?![^.]*\?)"


def without_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "`code`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def sentences(text: str) -> Iterator[str]:
    """Paragraphs, items and rows of a table on one line each."""
    for part in re.split(r"\n\s*\n|\n(?=\s*(?:[-|#*] |\d+\. ))|\n(?=\|)", text):
        yield " ".join(part.split())


@functools.cache
def of_pages() -> list[tuple[str, str]]:
    texts = []
    for page in PAGES:
        text = page.read_text("utf-8")
        if page.name == "CHANGELOG.md":
            continue  # what was published stays
        for sentence in sentences(without_code(text)):
            texts.append((str(page.relative_to(ROOT)), sentence))
    return texts


@functools.cache
def of_sources() -> list[tuple[str, str, str]]:
    """Kind (docstring, comment or message), place, text."""
    texts = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name.startswith("_generated"):
            continue
        source, place = path.read_text("utf-8"), str(path.relative_to(ROOT))
        tree = ast.parse(source)
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(tree)
            if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
                kind = "docstring" if id(node) in docstrings else "message"
                for sentence in sentences(without_code(node.value)):
                    texts.append((kind, f"{place}:{node.lineno}", sentence))
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT:
                texts.append(("comment", f"{place}:{token.start[0]}", without_code(token.string.lstrip("# "))))
    return texts


@pytest.mark.parametrize("pattern", STRANGE)
def test_pages_and_sources(pattern: str) -> None:
    texts = [*of_pages(), *((place, text) for _, place, text in of_sources())]
    found = [f"{place}: {text}" for place, text in texts if re.search(pattern, text)]
    assert not found, f"write in its place: {STRANGE[pattern]}"


@pytest.mark.parametrize("pattern", STRANGE_FOR_USERS)
def test_pages_and_messages(pattern: str) -> None:
    texts = [*of_pages(), *((place, text) for kind, place, text in of_sources() if kind == "message")]
    found = [f"{place}: {text}" for place, text in texts if re.search(pattern, text)]
    assert not found, f"write in its place: {STRANGE_FOR_USERS[pattern]}"


@pytest.mark.parametrize("pattern", STRANGE_IN_MESSAGES)
def test_messages(pattern: str) -> None:
    found = [f"{place}: {text}" for kind, place, text in of_sources() if kind == "message" and re.search(pattern, text)]
    assert not found, f"write in its place: {STRANGE_IN_MESSAGES[pattern]}"


def test_docstrings_begin_with_a_noun_or_a_verb() -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    strange = [
        f"{path.relative_to(ROOT)}: {text.partition(chr(10))[0]}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, documented) and (text := ast.get_docstring(node) or "")
        if re.match(CLAUSE_FOR_A_NOUN, text)
    ]
    assert not strange, "name the thing: `The record of ...`, `Files that ...`"


@pytest.mark.parametrize(
    "text",
    [
        "40 layers, of which two are empty",
        "the caller is told",
        "a folder that is none",
        "it is no error",
        "all but one",
        "a process in there",
        "Who calls it waits",
        "features tells whether criu is there",
        "it was dropped without a word",
        "the group is made anew",
        "sync and its kin",
        "killed for want of memory",
        "there is no such one",
    ],
)
def test_the_patterns_match(text: str) -> None:
    assert any(re.search(pattern, text) for pattern in STRANGE)


@pytest.mark.parametrize(
    "text", ["there is no folder", "there is none", "is no longer needed", "the container told runc"]
)
def test_what_is_plain_stays(text: str) -> None:
    assert not any(re.search(pattern, text) for pattern in STRANGE)
