"""System calls that are made ready first and made later: by Python, or by C once Python is not to run any more.

Python would do more on the way than make them, which the filter that is loaded may forbid; and its memory, 4 MB for
each container, would wait for `start` with them.
"""

from __future__ import annotations

import _struct

from pyoci.errors import SyscallError
from pyoci.kernel import FAILED_CALL, FAILED_PROGRAM, _raw
from pyoci.kernel import call as call_state
from pyoci.kernel.call import SYS, address, encode, shown, syscall
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_WORD = _struct.calcsize("L")
_CALL_WORDS = 8  # struct call of _deferred.c: number, six arguments, words


class Vector(Record):
    """A structure in memory: `head`, then the addresses of `strings`, with 0 for None."""

    head: bytes = b""
    strings: list[bytes | None]

    def pack(self, addresses: list[int]) -> bytes:
        return self.head + _struct.pack(f"{len(addresses)}L", *addresses)


class Call(Record):
    """`name` of syscalls(2) with its arguments; `words` begin the message of its failure, which is about `place`."""

    name: str
    arguments: tuple[int | bytes | Vector, ...]
    words: str
    place: str = ""

    def make(self) -> int:
        """Raises SyscallError."""
        kept = [argument for argument in self.arguments if isinstance(argument, Vector)]
        packed = [vector.pack([0 if text is None else address(text) for text in vector.strings]) for vector in kept]
        rest = iter(packed)
        words = [next(rest) if isinstance(argument, Vector) else argument for argument in self.arguments]
        try:
            return syscall(SYS[self.name], *words)
        except OSError as error:
            raise SyscallError(error.errno or 0, self.words).at(self.place) from None


def execve(path: str, argv: list[str], env: list[str]) -> Call:
    """With exactly this environment of `KEY=value` (os.execve takes a mapping: each name once).

    Raises ValueError for a NUL in a string.
    """
    return Call(
        name="execve",
        arguments=(encode(path) + b"\0", Vector(strings=_strings(argv)), Vector(strings=_strings(env))),
        words=f"exec {shown(path)}",
    )


def _strings(words: list[str]) -> list[bytes | None]:
    if any("\0" in word for word in words):
        raise ValueError("a NUL character in an argument or in the environment")
    return [*(encode(word) + b"\0" for word in words), None]


def told(calls: list[Call]) -> list[Call]:
    """`calls`; with --debug they are logged, while somebody still listens."""
    if call_state.log is not None:
        for call in calls:
            call_state.log(f"to be made without Python: {call.words}")
    return calls


def end(calls: list[Call], report_fd: int) -> NoReturn:
    """Make the calls; the last one must not return. A failure is reported on `report_fd`, and the process exits."""
    _end(calls, -1, report_fd)


def end_in_child(calls: list[Call], channel_fd: int, start_fd: int = -1) -> NoReturn:
    """`end`, in a child that is the host's own: its number goes over the channel, where it then waits for GO.

    With `start_fd` it waits for `pyoci start` then, as in `end_after_start`.

    Whoever has joined a PID namespace becomes visible in it only here, with no more than the calls still need; our own
    process, which has set everything up, never does.
    """
    _end(calls, start_fd, channel_fd, in_child=True)


def end_after_start(calls: list[Call], start_fd: int) -> NoReturn:
    """`end`, once `pyoci start` has sent a socket to `start_fd`, on which a failure is reported."""
    _end(calls, start_fd, -1)


def _end(calls: list[Call], start_fd: int, report_fd: int, *, in_child: bool = False) -> NoReturn:
    block = _Block()
    table = block.table(calls)
    _raw.end(start_fd, report_fd, in_child, block.data, block.relocations, table, len(calls))


class _Block:
    """All that the calls need, in one piece of memory; addresses are offsets, until C has put it in its place."""

    __slots__ = ("_addresses", "_data")

    def __init__(self) -> None:
        self._data = bytearray()
        self._addresses: list[int] = []  # where in the data an address stands

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    @property
    def relocations(self) -> bytes:
        return _struct.pack(f"{len(self._addresses)}L", *self._addresses)

    def table(self, calls: list[Call]) -> int:
        """Put everything; where the table of calls begins."""
        rows = bytearray()
        pointers = []
        for call in calls:
            row = [SYS[call.name]]
            for argument in call.arguments:
                if not isinstance(argument, int):
                    pointers.append(len(rows) + len(row) * _WORD)
                row.append(self._argument(argument))
            row += [0] * (_CALL_WORDS - 1 - len(row))
            pointers.append(len(rows) + len(row) * _WORD)
            kind = FAILED_PROGRAM if call.name == "execve" else FAILED_CALL
            place = f"||{call.place}" if call.place else ""
            row.append(self._put(encode(f"{kind}{place} {call.words}") + b"\0"))
            rows += _struct.pack(f"{_CALL_WORDS}L", *row)
        return self._put(rows, pointers)

    def _argument(self, argument: int | bytes | Vector) -> int:
        if isinstance(argument, Vector):
            targets = [0 if text is None else self._put(text) for text in argument.strings]
            begin = len(argument.head)
            pointers = [begin + at * _WORD for at, text in enumerate(argument.strings) if text is not None]
            return self._put(argument.pack(targets), pointers)
        return argument if isinstance(argument, int) else self._put(argument)

    def _put(self, data: bytes | bytearray, pointers: list[int] | tuple[()] = ()) -> int:
        """Where `data` now is; `pointers` are the places in it that hold offsets."""
        self._data += bytes(-len(self._data) % _WORD)
        at = len(self._data)
        self._data += data
        self._addresses += [at + pointer for pointer in pointers]
        return at
