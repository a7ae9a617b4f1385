"""Standard output, whole or with an error."""

from __future__ import annotations

import posix

from pyoci.errors import PyociError, reason


def write(text: str) -> None:
    """Write `text` to standard output; PyociError when it cannot take all of it."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        while data:
            data = data[posix.write(1, data) :]
    except OSError as error:
        # `state` must not succeed unless the state was written (OCI command line interface, state).
        raise PyociError(f"write to standard output: {reason(error)}") from None
