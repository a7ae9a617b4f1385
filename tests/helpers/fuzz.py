"""What the fuzzers share: documents with a few values changed, hostile text, a budget, and a watch over files."""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# hack/fuzz sets it, to go on for longer than every run of the tests can.
FACTOR = float(os.environ.get("PYOCI_FUZZ", "1"))

NUMBERS = [0, 1, -1, 2, 7, 255, 1000, 4096, 65535, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 63) - 1,
           1 << 63, (1 << 64) - 1, 1 << 64, -(1 << 31), -(1 << 63), 10**40, 0.5, 1e308]  # fmt: skip
WORDS = ["", " ", "/", ".", "..", "../x", "/../x", "x", "/x", "a=b", "=", "-", "--", ":", "0", "-1", "max", "²", "٣",
         "\n", "x\ny", "\x1b[2J", "\t", "é", "\u202e", "\U0001f4a9", "%s%n", "{0}", "$(x)", "x" * 300, "/" * 300,
         "x/" * 3000, "9" * 5000, "1e400", "nan", "0x10", "1-0", "0-9999999999", "CAP_X", "SIGX", "shared"]  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.sampled_from(NUMBERS), st.sampled_from(WORDS), st.integers(), st.text(max_size=12)
)
VALUES = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), SCALARS, max_size=3),
)


def budget(examples: int) -> Callable[[Any], Any]:
    """A fixed number of examples: always the same ones in CI, others in each round of hack/fuzz."""
    return settings(
        max_examples=int(examples * FACTOR),
        deadline=None,
        derandomize=FACTOR == 1,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@st.composite
def changed(draw: st.DrawFn, document: Any, changes: int = 3, values: st.SearchStrategy[Any] = VALUES) -> Any:
    """`document` with up to `changes` places replaced, removed, doubled, exchanged or given a neighbour."""
    made = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, changes))):
        places = list(_places(made))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        action = draw(st.sampled_from(["replace", "replace", "replace", "remove", "double", "exchange", "add"]))
        if action == "replace":
            container[key] = copy.deepcopy(draw(values))  # it may be changed in its turn
        elif action == "remove":
            del container[key]
        elif action == "exchange":
            other, its = draw(st.sampled_from(places))
            container[key], other[its] = copy.deepcopy(other[its]), copy.deepcopy(container[key])
        elif isinstance(container, list):
            container.append(copy.deepcopy(container[key] if action == "double" else draw(values)))
        else:
            container[draw(st.sampled_from(WORDS))] = copy.deepcopy(draw(values))
    return made


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    todo = [document]
    while todo:
        container = todo.pop()
        keys = list(container) if isinstance(container, dict) else list(range(len(container)))
        for key in keys:
            yield container, key
            if isinstance(container[key], (dict, list)):
                todo.append(container[key])


@st.composite
def spoilt(draw: st.DrawFn, text: bytes, pieces: list[bytes] | None = None) -> bytes:
    """`text` cut, with bytes exchanged, repeated or put in."""
    data = bytearray(text)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        twice = bytes(data[start:end]) * 2
        data[start:end] = draw(st.one_of(st.binary(max_size=8), st.sampled_from(pieces or [b""]), st.just(twice)))
    return bytes(data)


# Of audit events: the arguments that are paths, and which of the events change something.
_CHANGES = {
    "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.rename": 2, "os.link": 2, "os.symlink": 2, "os.chmod": 1,
    "os.chown": 1, "os.truncate": 1, "os.utime": 1, "os.setxattr": 1, "os.removexattr": 1,
}  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_seen: list[str] | None = None


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITES and not isinstance(path, int):
            _seen.append(os.fsdecode(path))
    elif event in _CHANGES:
        for path in arguments[: _CHANGES[event]]:
            if not isinstance(path, int):
                _seen.append(os.fsdecode(path))


@contextmanager
def files_only_below(*places: Any) -> Iterator[None]:
    """No file may be made, changed or removed anywhere else by this process; /dev/null may be written to."""
    global _seen  # noqa: PLW0603  # an audit hook cannot be removed, only silenced
    if not getattr(_hook, "added", False):
        sys.addaudithook(_hook)
        _hook.added = True  # type: ignore[attr-defined]
    seen: list[str] = []
    _seen = seen
    try:
        yield
    finally:
        _seen = None
    allowed = [os.path.realpath(place) for place in places] + ["/dev/null"]
    for path in seen:
        if "/__pycache__/" in path:
            continue  # Python itself keeps what it compiles: a command's module may be imported first here
        # One with a dir_fd is a bare name; relative to the working directory means the same here.
        whole = os.path.realpath(path)
        bare = "/" not in path and path not in ("", ".", "..")
        assert bare or any(whole == place or whole.startswith(f"{place}/") for place in allowed), path


def descriptors() -> set[str]:
    """Descriptors of this process, with what they are."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(f"{name} {os.readlink(f'/proc/self/fd/{name}')}")
        except FileNotFoundError:
            continue  # that of the listing itself
    return found
