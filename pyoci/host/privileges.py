"""The runtime's own privileges, in words for --debug: why a capability or a limit could not be granted.

python-prctl, since this is a cold path; what changes privileges is in `kernel.capabilities`, by raw calls.
"""

from __future__ import annotations

import posix


def describe() -> str:
    """One line: user, capabilities that are missing, securebits, no_new_privs."""
    try:
        import prctl
    except ImportError as error:
        return f"runtime: uid {posix.geteuid()}, its privileges are not described: {error}"
    missing = [f"CAP_{name.upper()}" for name in prctl.ALL_CAP_NAMES if not getattr(prctl.cap_permitted, name)]
    return (
        f"runtime: uid {posix.geteuid()}, without {', '.join(missing) or 'no capability'}, "
        f"securebits {prctl.get_securebits():#x}, no_new_privs {int(prctl.get_no_new_privs())}"
    )
