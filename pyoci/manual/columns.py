"""Help texts in the width of a terminal: paragraphs are filled, rows of a table go on below their own text."""

from __future__ import annotations

_LEAST_TEXT = 24  # columns of a row's text; where there are fewer, the text begins on a line of its own
_INDENT = 6


def fit(text: str, width: int) -> str:
    """`text` with lines of at most `width` columns, where words allow it. Pure."""
    return "\n\n".join(_block(block, width) for block in text.split("\n\n"))


def _block(block: str, width: int) -> str:
    lines = block.split("\n")
    if any(line.startswith(" ") for line in lines):
        return "\n".join(_row(line, width) for line in lines)
    if max(map(len, lines)) <= width:
        return block
    filled = _fill(block.split(), width, "  " if block.startswith("usage: ") else "")
    return filled + ("\n" if block.endswith("\n") else "")


def _row(line: str, width: int) -> str:
    """`  --name VALUE  text`; a line without such a gap is somebody's command, and stays whole."""
    name, _, text = line.strip().partition("  ")
    text = text.lstrip()
    if len(line) <= width or not text:
        return line
    begin = len(line) - len(text)
    if width - begin >= _LEAST_TEXT:
        return line[:begin] + _fill(text.split(" "), width, " " * begin, begin)
    margin = line[: len(line) - len(line.lstrip())]
    return f"{margin}{name}\n{' ' * _INDENT}{_fill(text.split(' '), width, ' ' * _INDENT, _INDENT)}"


def _fill(words: list[str], width: int, indent: str, used: int = 0) -> str:
    """Words in lines; the first has `used` columns already, the others begin with `indent`."""
    lines, line = [], ""
    for word in words:
        if line and used + len(line) + 1 + len(word) > width:
            lines.append(line)
            line, used = indent + word, 0
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])
