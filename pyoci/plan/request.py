"""The command line's additions to the config."""

from __future__ import annotations

from pyoci.record import Record


class Request(Record):
    container_id: str
    bundle: str
    no_pivot: bool = False
    keyring: str | None = "_ses"  # name of the new session keyring; None: keep the caller's
    preserve_fds: int = 0
    readiness_folder: str = ""  # of the host, for the socket of sd_notify(3); empty: nobody waits for READY=1
