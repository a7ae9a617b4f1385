"""The refusal of a call over D-Bus. Apart from `dbus`, which needs files of Python's: to look at a container of systemd
must need none.
"""

from __future__ import annotations


class Refused(Exception):  # what the other side says, not yet an error
    """An error reply; `name` without its prefix: `NoSuchUnit`."""

    def __init__(self, name: str, words: str) -> None:
        self.name = name.rpartition(".")[2]
        super().__init__(words)
