"""Show help on a command or a topic, with --man as a man page."""

from __future__ import annotations

from pyoci.cli import main, options, output
from pyoci.cli.options import Call, Option
from pyoci.errors import PyociError, UsageError, reason
from pyoci.spec.words import did_you_mean

USAGE = "[options] [COMMAND | TOPIC]"
OPTIONS = (
    Option(name="man", help="print the man page, for man -l -"),
    Option(name="man-pages", value="DIR", help="write all man pages into a folder"),
)


def run(call: Call) -> int:
    options.expect_args(call, 0, 1, "one command or topic")
    name = call.args[0] if call.args else ""
    if call.options["man-pages"] == "":
        raise UsageError("option --man-pages: the path is empty")
    if call.options["man-pages"] is not None:
        _write_pages(call.options["man-pages"])
    elif call.options["man"]:
        output.write(_page(name))
    elif not name:
        output.show(main.overview() + _topics())
    elif name in main.COMMANDS:
        output.show(options.usage(name, main._load(name)))
    else:
        output.show(_topic(name))
    return 0


def _topics() -> str:
    from pyoci.manual.topics import TOPICS

    width = max(map(len, TOPICS))
    lines = [f"  {name:<{width}}  {title}" for name, (title, _) in TOPICS.items()]
    return "\n".join(["", "topics (pyoci help TOPIC):", *lines]) + "\n"


def _topic(name: str) -> str:
    from pyoci.manual.topics import TOPICS

    if name not in TOPICS:
        hint = did_you_mean(name, (*main.COMMANDS, *TOPICS)) or f"; topics are {', '.join(TOPICS)}"
        raise UsageError(f"help: {name!r} is neither a command nor a topic{hint}")
    title, text = TOPICS[name]
    return f"{title}\n\n{text}"


def _page(name: str) -> str:
    from pyoci.cli import reference
    from pyoci.manual import roff

    page = roff.page(reference.manual(), f"pyoci-{name}" if name else "pyoci")
    if page is None:
        from pyoci.manual.topics import TOPICS

        if name in TOPICS:
            raise UsageError(f"help --man: {name} is a topic; pyoci help {name} shows it")
        raise UsageError(f"help --man: there is no command {name!r}; pyoci --help lists them")
    return page


def _write_pages(folder: str) -> None:
    from pyoci.cli import reference
    from pyoci.manual import roff

    manual = reference.manual()
    for name in roff.names(manual):
        path = f"{folder}/{name}.8"
        try:
            with open(path, "w", encoding="utf-8") as file:
                file.write(roff.page(manual, name) or "")
        except OSError as error:
            raise PyociError(f"write {path}: {reason(error)}") from None
