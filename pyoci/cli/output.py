"""Standard output, whole or with an error."""

from __future__ import annotations

import posix

from pyoci.errors import PyociError, reason
from pyoci.kernel import write_all

_NARROWEST = 30  # columns; a terminal that does not know its size says 0


def write(text: str) -> None:
    """Write `text` to standard output; PyociError when it cannot take all of it."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        write_all(1, data)
    except OSError as error:
        # `state` must not succeed unless the state was written (OCI command line interface, state).
        raise PyociError(f"write to standard output: {reason(error)}") from None


def show(text: str) -> None:
    """Write a help text to standard output: in the width of a terminal, and as it is to everything else."""
    if posix.isatty(1) and (width := posix.get_terminal_size(1).columns) >= _NARROWEST:
        from pyoci.manual.columns import fit

        text = fit(text, width)
    write(text)


def visible(text: str) -> str:
    """`text` on one line, for a person: what a terminal would obey, and bytes that are not UTF-8, as escapes.

    Names that a container or somebody's bundle chose may hold anything.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else repr(character)[1:-1]


def columns(otherwise: int) -> int:
    """The width to write in: that of COLUMNS, or of the terminal on standard output, or `otherwise`."""
    import shutil  # in no snapshot

    return shutil.get_terminal_size((otherwise, 24)).columns


def is_screen() -> bool:
    """Whether standard output is a terminal that can do more than print: move its cursor, show colors."""
    return posix.isatty(1) and posix.environ.get(b"TERM", b"dumb") != b"dumb"


def has_colors() -> bool:
    """Whether a person sees them, and wants to: see no-color.org."""
    return is_screen() and not posix.environ.get(b"NO_COLOR")
