"""The checks as text for a person and as a document for a program (schemas/doctor.json). Pure."""

from __future__ import annotations

from pyoci.doctor.model import LIMITED, MISSING, OK, Check, Host
from pyoci.record import to_builtins

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_FORMAT = 1
_COLUMNS = 80
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


def text(host: Host, checks: list[Check], fit: bool, color: bool = False) -> str:
    """A line for each check, below it how to mend what is not ok, and a verdict."""
    bold, dim, plain = ("\033[1m", "\033[2m", "\033[0m") if color else ("", "", "")
    lines = [f"pyoci {host.version} on Linux {host.kernel} ({host.machine}), as {host.user}"]
    width = max(len(check.name) for check in checks)
    group = ""
    for check in checks:
        if check.group != group:
            group = check.group
            lines += ["", f"{bold}{group}{plain}"]
        status = f"{_COLORS[check.status]}{check.status:<7}{plain}" if color else f"{check.status:<7}"
        indent = " " * (13 + width)
        detail, *more = _wrapped(check.detail, len(indent))
        lines.append(f"  {status}  {check.name:<{width}}  {detail}")
        lines += [f"{indent}{part}" for part in more]
        lines += [f"{indent}{dim}{part}{plain}" for part in _wrapped(check.remedy, len(indent)) if part]
    counts = {status: sum(check.status == status for check in checks) for status in (OK, LIMITED, MISSING)}
    verdict = "containers can run here" if fit else "containers cannot run here: see `missing` above"
    lines += ["", f"{counts[OK]} ok, {counts[LIMITED]} limited, {counts[MISSING]} missing: {verdict}"]
    return "\n".join(lines) + "\n"


def _wrapped(text: str, indent: int) -> list[str]:
    """Lines of at most _COLUMNS with the indent; a word that is longer, such as a path, stays whole."""
    from textwrap import wrap  # in no snapshot

    return wrap(text, _COLUMNS - indent, break_long_words=False, break_on_hyphens=False) or [""]
