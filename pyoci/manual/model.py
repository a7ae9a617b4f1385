"""A command and its options, as the manual needs to know them."""

from __future__ import annotations

from pyoci.record import Record


class Flag(Record):
    """One option; `value` is empty for one that takes none, `choices` are the only values allowed."""

    name: str
    short: str = ""
    value: str = ""
    choices: tuple[str, ...] = ()
    help: str = ""

    @property
    def words(self) -> list[str]:
        """How it is written."""
        return [f"--{self.name}"] + ([f"-{self.short}"] if self.short else [])


class Command(Record):
    """One command: a line of summary, its usage, its description, its options."""

    name: str
    summary: str
    usage: str
    description: str
    flags: tuple[Flag, ...]

    @property
    def takes(self) -> str:
        """The kind of its first argument: id, folder, command, topic or nothing."""
        words = self.usage.replace("[", " ").replace("]", " ").split()
        for word, kind in (("ID", "id"), ("BUNDLE", "folder"), ("COMMAND", "command"), ("SHELL", "shell")):
            if word in words:
                return kind
        return ""


class Manual(Record):
    """All of it. `topics` are (name, title, text)."""

    version: str
    global_flags: tuple[Flag, ...]
    commands: tuple[Command, ...]
    topics: tuple[tuple[str, str, str], ...]

    def command(self, name: str) -> Command | None:
        return next((command for command in self.commands if command.name == name), None)
