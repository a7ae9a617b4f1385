"""What the command line adds to the config."""

from __future__ import annotations

from pyoci.record import Record


class Request(Record):
    container_id: str
    bundle: str
    no_pivot: bool = False
    new_keyring: bool = True
    preserve_fds: int = 0
    readiness_folder: str = ""  # of the host, for the socket of sd_notify(3); empty: nobody waits for READY=1
