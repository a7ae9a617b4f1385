"""Reads the TAP that validation programs print, and judges it.

After a verdict line a YAML block may stand between `  ---` and `  ...`. Lines inside a block are no verdicts
(some programs put the whole output of runtimetest, which ran inside the container, there).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

OK = "ok"
NOT_OK = "not ok"
SKIPPED = "skipped"

_VERDICT = re.compile(r"\s*(?P<verdict>ok|not ok)\b\s*(?P<number>\d+)?\s*(?:- )?(?P<words>.*)")
_SKIP = re.compile(r"#\s*skip\S*\s*(?P<reason>.*)", re.IGNORECASE)
_YAML_ERROR = re.compile(r"\s*[\"']?error[\"']?:\s*(?P<words>.*)")
_REASON_LENGTH = 300


@dataclass
class Tap:
    """What one program printed; `ok` counts the skipped ones too, as TAP does."""

    ok: int = 0
    not_ok: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)
    skips: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def parse(text: str) -> Tap:
    """Count the verdict lines; `errors` are the `error:` entries of YAML blocks."""
    tap = Tap()
    in_yaml = False
    failed = False
    for line in text.splitlines():
        bare = line.strip()
        if in_yaml:
            in_yaml = bare != "..."
            found = _YAML_ERROR.match(line)
            if found and found["words"].strip("'\" "):
                tap.errors.append(found["words"].strip("'\" "))
            continue
        if bare == "---":
            in_yaml = True
            continue
        verdict = _VERDICT.match(line)
        if verdict:
            failed = _count(tap, verdict["verdict"], verdict["words"])
        elif failed and bare.startswith("#"):
            tap.failures[-1] += f" ({bare.lstrip('# ')})"
            failed = False
    return tap


def _count(tap: Tap, verdict: str, words: str) -> bool:
    skip = _SKIP.search(words)
    if verdict == "not ok":
        tap.not_ok += 1
        tap.failures.append(words.strip() or "no words")
        return True
    tap.ok += 1
    if skip:
        tap.skipped += 1
        tap.skips.append(skip["reason"] or words)
    return False


def judge(tap: Tap, exit_status: int | None, stderr: str) -> tuple[str, str]:
    """The verdict on a program and the reason for it; `exit_status` None means that time ran out.

    A program passes if it exits 0 and prints no `not ok`. Some print no verdict line at all: they report a
    failure only through a YAML block or the exit status, so silence and exit 0 is what passing looks like.
    """
    if exit_status is None:
        return NOT_OK, "time limit"
    if tap.not_ok:
        return NOT_OK, _shorten("; ".join(dict.fromkeys(tap.failures)))
    if exit_status:
        return NOT_OK, _shorten(_last_words(stderr))
    if tap.ok and tap.ok == tap.skipped:
        return SKIPPED, _shorten("; ".join(dict.fromkeys(tap.skips)))
    if not tap.ok and tap.errors:
        return NOT_OK, _shorten("; ".join(dict.fromkeys(tap.errors)))
    return OK, "" if tap.ok else "no verdict line, exit 0 and no error block"


def _last_words(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return " / ".join(lines[:4]) or "no words on standard error"


def _shorten(words: str) -> str:
    one_line = " ".join(words.split())
    return one_line if len(one_line) <= _REASON_LENGTH else one_line[: _REASON_LENGTH - 3] + "..."
