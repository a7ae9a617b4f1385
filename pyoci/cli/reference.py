"""All commands as data, from the tables that the parser reads: for the manual."""

from __future__ import annotations

from pyoci.cli import main, options
from pyoci.manual.model import Command, Flag, Manual
from pyoci.manual.topics import TOPICS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.cli.options import Option


def manual() -> Manual:
    return Manual(
        version=main.VERSION,
        global_flags=_flags(options.GLOBAL),
        commands=tuple(command(name) for name in main.COMMANDS),
        topics=tuple((name, title, text) for name, (title, text) in TOPICS.items()),
    )


def command(name: str) -> Command:
    module = main._load(name)
    return Command(
        name=name,
        summary=main.COMMANDS[name],
        usage=module.USAGE,
        description=(module.__doc__ or "").strip(),
        flags=_flags(module.OPTIONS),
    )


def _flags(table: tuple[Option, ...]) -> tuple[Flag, ...]:
    return tuple(
        Flag(
            name=option.name,
            short=option.short,
            value=option.value,
            choices=option.choices,
            help=option.help,
        )
        for option in (*table, options.HELP)
        if not option.hidden
    )
