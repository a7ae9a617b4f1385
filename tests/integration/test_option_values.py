"""Values of options that runc takes for something else, or for nothing: refused by name. docs/differences.md."""

from __future__ import annotations

import tempfile

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

pytestmark = pytest.mark.beyond_runc("runc takes them")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--root=", "list"], "--root: the path is empty"),
        (["--log-format=", "list"], "--log-format: ''"),
        (["--rootless=", "list"], "--rootless: ''"),
        (["--rootless=no", "list"], "--rootless: 'no'"),
        (["--debug=", "list"], "--debug is a flag: ''"),
        (["exec", "--user", "4294967296", "ID", "true"], "--user: 4294967296 is greater than 4294967295"),
        (["exec", "--preserve-fds=1", "ID", "true"], "number 3 is not open"),
        (["exec", "--preserve-fds=-1", "ID", "true"], "option --preserve-fds: -1"),
        (["exec", "--additional-gids=x", "ID", "true"], "option --additional-gids: 'x'"),
        (["update", "--blkio-weight=5", "ID"], "--blkio-weight: 5 is not between 10 and 1000"),
        (["update", "--resources=/nowhere", "ID"], "/nowhere"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value[:2]),
)
def test_is_refused(runtime: Runtime, bundle: Bundle, words: list[str], said: str) -> None:
    name = runtime.create(bundle).id if "ID" in words else ""
    assert said in runtime.fails(*[name if word == "ID" else word for word in words])


@pytest.mark.parametrize(
    "text", ["null", "[]", '{"pids": {"limit": 5}} {}', '{"pids": {"limit": 5}}x', '{"pids": {"limit": "5"}}']
)
def test_a_document_of_limits_is_one_object(runtime: Runtime, bundle: Bundle, text: str) -> None:
    container = runtime.create(bundle)
    with tempfile.TemporaryFile() as document:
        document.write(text.encode())
        document.seek(0)
        runtime.fails("update", "--resources", "-", container.id, stdin=document)
