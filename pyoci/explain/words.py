"""An explanation as text for a person, and as a document for a program (schemas/explain.json). Pure."""

from __future__ import annotations

from pyoci.explain.model import LEVELS, STAGES, Explanation, Step
from pyoci.record import to_builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

# The layout of the text: the action, and behind it, if the width allows, the kernel's terms.
_ACTION_WIDTH = 68
_ONE_COLUMN = 60  # a narrower text has the kernel's terms below the action
_NARROWEST = 30
_FINDING_INDENT = 10
_FORMAT = 1


def document(explanation: Explanation) -> dict[str, Any]:
    """The document that --json prints."""
    return {"format": _FORMAT, **to_builtins(explanation)}


def text(explanation: Explanation, width: int, color: bool = False) -> str:
    """The explanation in lines of at most `width` columns (30 or more); a longer word stays whole."""
    return "\n".join(_lines(explanation, max(width, _NARROWEST), color)) + "\n"


def clean(value: str) -> str:
    """Without what a terminal would obey: a bundle may come from anybody."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in value)


def _lines(explanation: Explanation, width: int, color: bool) -> Iterator[str]:
    bold, dim, plain = ("\033[1m", "\033[2m", "\033[0m") if color else ("", "", "")
    bundle = clean(explanation.bundle)
    facts = f"ociVersion {clean(explanation.oci_version)}; limits are shown for cgroup {explanation.layout}"
    first, *rest = wrapped(f"{bundle}: {facts}", width)
    yield f"{bold}{bundle}{plain}{first[len(bundle) :]}" if first.startswith(bundle) else first
    yield from rest
    number = 0
    for stage, title in STAGES.items():
        steps = [step for step in explanation.steps if step.stage == stage]
        if steps:
            number += 1
            yield ""
            yield from (f"{bold}{line}{plain}" for line in wrapped(f"{number}. {title}", width))
            for step in steps:
                yield from _step(step, width, dim, plain)
    yield ""
    yield f"{bold}unsafe or surprising{plain}"
    if not explanation.findings:
        yield "  nothing"
    colors = (
        dict(zip(LEVELS, ("\033[36m", "\033[33m", "\033[31m"), strict=True)) if color else dict.fromkeys(LEVELS, "")
    )
    for finding in explanation.findings:
        message, *more = wrapped(clean(finding.message), width - _FINDING_INDENT)
        yield f"  {colors[finding.level]}{finding.level:<6}{plain}  {message}"
        yield from (f"{' ' * _FINDING_INDENT}{line}" for line in more)
        yield f"{' ' * _FINDING_INDENT}{dim}{clean(finding.pointer)}{plain}"
        yield from (
            f"{' ' * _FINDING_INDENT}{line}" for line in wrapped(clean(finding.reason), width - _FINDING_INDENT)
        )


def _step(step: Step, width: int, dim: str, plain: str) -> Iterator[str]:
    action, kernel = clean(step.action), clean(step.kernel)
    column = min(_ACTION_WIDTH, width * 3 // 5) if width >= _ONE_COLUMN else width - 1
    lines = wrapped(action, column - 4)
    first, rest = lines[0], lines[1:]
    if not kernel:
        yield f"   {first}"
    elif len(kernel) + column <= width:
        yield f"   {first:<{column - 3}}{dim}{kernel}{plain}"
    else:
        yield f"   {first}"
        rest += [f"  {dim}{line}{plain}" for line in wrapped(kernel, width - 7)]
    yield from (f"     {line}" for line in rest)


def wrapped(value: str, width: int) -> list[str]:
    """Lines of at most `width` columns, broken at spaces; a longer word stays whole."""
    lines, line = [], ""
    for word in value.split(" "):
        if line and len(line) + 1 + len(word) > width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, line]
