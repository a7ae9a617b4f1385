"""Man pages: groff_man(7). Pure."""

from __future__ import annotations

from pyoci.manual.model import Command, Flag, Manual

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_SECTION = "8"


def names(manual: Manual) -> list[str]:
    """All pages, without their section: `pyoci`, `pyoci-create` ..."""
    return ["pyoci", *(f"pyoci-{command.name}" for command in manual.commands)]


def page(manual: Manual, name: str) -> str | None:
    """The page `name`; None when there is none."""
    if name == "pyoci":
        return "\n".join(_overview(manual)) + "\n"
    command = manual.command(name.removeprefix("pyoci-"))
    return None if command is None else "\n".join(_command(manual, command)) + "\n"


def _overview(manual: Manual) -> Iterator[str]:
    yield from _head(manual, "pyoci", "a low-level container runtime that follows the OCI runtime specification")
    yield ".SH SYNOPSIS"
    yield ".B pyoci"
    yield "[\\fIglobal options\\fR] \\fICOMMAND\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]"
    yield ".SH DESCRIPTION"
    yield "pyoci makes containers from bundles: folders with a config.json and a root file system."
    yield "Engines call it, such as podman, containerd and docker; so can a person."
    yield ".SH COMMANDS"
    for command in manual.commands:
        yield ".TP"
        yield f".BR pyoci\\-{escape(command.name)} ({_SECTION})"
        yield line(command.summary)
    yield ".SH GLOBAL OPTIONS"
    yield "They stand before the command."
    yield from _options(manual.global_flags)
    for _, title, text in manual.topics:
        yield f".SH {escape(title.upper())}"
        yield from paragraphs(text)
    yield ".SH SEE ALSO"
    pages = [f".BR pyoci\\-{escape(command.name)} ({_SECTION})" for command in manual.commands]
    yield from (f"{entry}," for entry in pages[:-1])
    yield from pages[-1:]


def _command(manual: Manual, command: Command) -> Iterator[str]:
    yield from _head(manual, f"pyoci-{command.name}", command.summary)
    yield ".SH SYNOPSIS"
    yield f".B pyoci\n[\\fIglobal options\\fR] {escape(command.name)} {escape(command.usage)}".rstrip()
    yield ".SH DESCRIPTION"
    yield from paragraphs(command.description)
    yield ".SH OPTIONS"
    yield from _options(command.flags)
    yield ".SH SEE ALSO"
    yield f".BR pyoci ({_SECTION})"


def _head(manual: Manual, name: str, summary: str) -> Iterator[str]:
    yield f'.TH "{escape(name.upper())}" "{_SECTION}" "" "pyoci {escape(manual.version)}" "System Manager\'s Manual"'
    yield ".SH NAME"
    yield f"{escape(name)} \\- {escape(summary)}"


def _options(flags: tuple[Flag, ...]) -> Iterator[str]:
    for flag in flags:
        value = f" \\fI{escape(flag.value)}\\fR" if flag.value else ""
        yield ".TP"
        yield ", ".join(f"\\fB{escape(word)}\\fR" for word in flag.words) + value
        yield line(flag.help)


def paragraphs(text: str) -> Iterator[str]:
    """Text with empty lines between paragraphs; what is indented by four spaces is shown as it stands."""
    literal = False
    for row in text.strip("\n").splitlines():
        indented = row.startswith("    ")
        if indented != literal and row:
            yield ".PP\n.RS 4\n.nf" if indented else ".fi\n.RE"
            literal = indented
        if not row:
            yield "" if literal else ".PP"
        else:
            yield line(row.strip() if not indented else row[4:])
    if literal:
        yield ".fi\n.RE"


def line(text: str) -> str:
    """A line of text that is not a request."""
    escaped = escape(text)
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped


def escape(text: str) -> str:
    """Text whose characters mean themselves."""
    return text.replace("\\", "\\e").replace("-", "\\-").replace("`", "\\(ga")
