"""List the containers below --root, or below the default folder for states.

The states of an engine's containers are below the engine's root, such as /run/containerd/runc/k8s.io or
/run/user/1000/crun: name it with --root, before the command.
"""

from __future__ import annotations

import os
import pwd
import time

from pyoci import jsontext, log
from pyoci.cli import options, output
from pyoci.cli.options import Call, Option
from pyoci.errors import NO_SUCH_FILE, ContainerNotFound, PyociError, StateError, UsageError
from pyoci.host.status import state_document
from pyoci.state import others
from pyoci.state.store import Entry, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[options]"
OPTIONS = (
    options.table_or_json(),
    Option(name="quiet", short="q", help="print only the IDs"),
)

COLUMNS = ("ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER")


def run(call: Call) -> int:
    if call.args:
        raise UsageError(f"list: {call.args[0]!r} is one argument too many; pyoci state ID shows one container")
    store = Store(call.settings.root)
    if call.settings.root_is_given and not os.path.isdir(store.root):
        why = "not a directory" if os.path.lexists(store.root) else NO_SUCH_FILE
        raise StateError(f"list {store.root}: {why}")  # runc, too, takes only its default for an empty one
    if call.options["quiet"]:
        output.write("".join(f"{name}\n" for name in store.ids() if not _is_of_another_runtime(store, name)))
        return 0
    documents = _documents(store)
    if call.options["format"] == "json":
        output.write(jsontext.dumps(documents) + "\n")
    else:
        output.write(table(_with_ages(documents, time.time()) if os.isatty(1) else documents))
    return 0


def table(documents: list[dict[str, Any]]) -> str:
    """State documents as aligned columns, as runc prints them."""
    rows: list[tuple[str, ...]] = [COLUMNS]
    rows += [tuple(output.visible(str(document[column.lower()])) for column in COLUMNS) for document in documents]
    widths = [max(len(row[index]) for row in rows) + 3 for index in range(len(COLUMNS))]
    return "".join(
        "".join(f"{cell:<{max(width, 12)}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )


def _with_ages(documents: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
    """For a person on a terminal: `5m3s ago` in place of a date with nanoseconds."""
    from pyoci.top import plain

    return [{**document, "created": f"{plain.duration(now - _moment(document))} ago"} for document in documents]


def _moment(document: dict[str, Any]) -> float:
    """Seconds since 1970 of `created`, which state.model writes in RFC 3339, in UTC."""
    year, month, day, hour, minute, second = (
        int(document["created"][at:end]) for at, end in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))
    )
    # Not time.strptime: it imports five modules, and the distribution may have taken their files away.
    # With the year from March on, a leap day is its last, and month * 153 // 5 counts the days of the months before.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = year * 365 + year // 4 - year // 100 + year // 400 + (month * 153 + 2) // 5 + day - 719469
    return float(days * 86400 + hour * 3600 + minute * 60 + second)


def _documents(store: Store) -> list[dict[str, Any]]:
    """The states of all containers; one that cannot be read is left out with a warning."""
    documents = []
    names: dict[int, str] = {}  # getpwuid(3) reads files
    for container_id in store.ids():
        try:
            with store.look(container_id) as entry:
                document = state_document(entry)
                document["owner"] = document["owner"] or _owner(entry, names)
                documents.append(document)
        except ContainerNotFound:
            continue  # deleted since the folder was read
        except PyociError as error:
            if not _is_of_another_runtime(store, container_id):
                log.warning(str(error))
    return documents


def _is_of_another_runtime(store: Store, container_id: str) -> bool:
    """Engines give all runtimes one root: runc's containers are not pyoci's to show, nor to warn of."""
    try:
        with store.look(container_id) as entry:
            return others.are_in(entry.dirfd)
    except (OSError, PyociError):
        return False


def _owner(entry: Entry, names: dict[int, str]) -> str:
    """The name of the user who made the container, `#UID` when it has none; `names` are those that are known."""
    uid = os.fstat(entry.dirfd).st_uid
    if uid not in names:
        try:
            names[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            names[uid] = f"#{uid}"
    return names[uid]
