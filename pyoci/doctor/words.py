"""The checks as text for a person and as a document for a program (schemas/doctor.json). Pure."""

from __future__ import annotations

from pyoci.doctor.model import LIMITED, MISSING, OK, Check, Host
from pyoci.record import to_builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORMAT = 1
_COLUMNS = 80  # no line is longer, however wide the terminal is
_NARROWEST = 30
_LEAST_DETAIL = 24  # columns; where there are fewer, the detail begins on a line of its own
_COLORS = {OK: "\033[32m", LIMITED: "\033[33m", MISSING: "\033[31m"}


def document(host: Host, checks: list[Check], fit: bool) -> dict[str, Any]:
    """The document that --json prints."""
    return {
        "format": _FORMAT,
        "version": host.version,
        "kernel": host.kernel,
        "machine": host.machine,
        "user": host.user,
        "fit": fit,
        "checks": to_builtins(checks),
    }


def text(host: Host, checks: list[Check], fit: bool, columns: int = _COLUMNS, color: bool = False) -> str:
    """A line for each check, below it how to mend what is not ok, and a verdict, in at most `columns` columns."""
    columns = min(max(columns, _NARROWEST), _COLUMNS)
    bold, dim, plain = ("\033[1m", "\033[2m", "\033[0m") if color else ("", "", "")
    lines = _wrapped(f"pyoci {host.version} on Linux {host.kernel} ({host.machine}), as {host.user}", columns)
    width = max(len(check.name) for check in checks)
    beside = columns - 13 - width >= _LEAST_DETAIL
    indent = " " * (13 + width if beside else 11)
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            lines += ["", f"{bold}{group}{plain}"]
        status = f"{_COLORS[check.status]}{check.status:<7}{plain}" if color else f"{check.status:<7}"
        detail = _wrapped(check.detail, columns - len(indent))
        if beside:
            lines.append(f"  {status}  {check.name:<{width}}  {detail.pop(0)}")
        elif len(f"{check.name}: {check.detail}") <= columns - len(indent):
            lines.append(f"  {status}  {check.name}: {detail.pop(0)}")
        else:
            lines.append(f"  {status}  {check.name}")
        lines += [f"{indent}{part}" for part in detail]
        lines += [f"{indent}{dim}{part}{plain}" for part in _wrapped(check.remedy, columns - len(indent)) if part]
    counts = {status: sum(check.status == status for check in checks) for status in (OK, LIMITED, MISSING)}
    verdict = "containers can run here" if fit else "containers cannot run here: see `missing` above"
    lines += [
        "",
        *_wrapped(f"{counts[OK]} ok, {counts[LIMITED]} limited, {counts[MISSING]} missing: {verdict}", columns),
    ]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns; a word that is longer, such as a path, stays whole."""
    from textwrap import wrap  # in no snapshot

    return wrap(text, width, break_long_words=False, break_on_hyphens=False) or [""]
