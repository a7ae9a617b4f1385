"""execve(2), made ready beforehand: a system call filter may forbid whatever else Python would do on the way."""

from __future__ import annotations

import _struct

from pyoci.kernel.call import SYS, address, encode, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn


class Program:
    """A program with its arguments and exactly its environment (os.execve takes a mapping: each name once)."""

    __slots__ = ("_argv", "_env", "_number", "_path", "_strings")

    def __init__(self, path: str, argv: list[str], env: list[str]) -> None:
        """`env` holds `KEY=value` each. Raises ValueError for a NUL in a string."""
        arguments, variables = _strings(argv), _strings(env)
        self._strings = (arguments, variables)  # kept alive: the arrays below hold their addresses
        self._path = encode(path) + b"\0"
        self._argv = _pointers(arguments)
        self._env = _pointers(variables)
        self._number = SYS["execve"]

    def become(self) -> NoReturn:
        """One system call and nothing else. Raises OSError."""
        syscall(self._number, self._path, self._argv, self._env)
        raise OSError(0, "execve returned")


def _strings(words: list[str]) -> list[bytes]:
    if any("\0" in word for word in words):
        raise ValueError("a NUL character in an argument or in the environment")
    return [encode(word) + b"\0" for word in words]


def _pointers(strings: list[bytes]) -> bytes:
    return _struct.pack(f"{len(strings) + 1}P", *map(address, strings), 0)
