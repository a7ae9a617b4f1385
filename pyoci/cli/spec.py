"""Write a config.json to start from: a shell with few rights in the directory rootfs beside it."""

from __future__ import annotations

import os

from pyoci import cgroups, jsontext
from pyoci.cli.main import SPEC_VERSION
from pyoci.cli.options import Call, Option
from pyoci.errors import PyociError, UsageError, reason
from pyoci.spec import template
from pyoci.spec.bundle import CONFIG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[options]"
OPTIONS = (
    Option(name="bundle", short="b", value="DIR", default=".", help="the bundle's directory (default: .)"),
    Option(name="file", short="f", value="FILE", default=CONFIG, help="write it to FILE there (default: config.json)"),
    Option(name="rootless", help="write one that needs no privileges, for the calling user"),
)


def run(call: Call) -> int:
    if call.args:
        raise UsageError(f"spec: {call.args[0]!r} is one argument too many; --bundle names the folder, --file the file")
    config = document(call.options["rootless"])
    _write_new(os.path.join(call.options["bundle"], call.options["file"]), jsontext.pretty(config, indent="\t") + "\n")
    return 0


def document(rootless: bool) -> dict[str, Any]:
    """A config.json to start from, on this host; `rootless`: for the user who calls."""
    config = template.rootless(SPEC_VERSION, os.geteuid(), os.getegid()) if rootless else template.default(SPEC_VERSION)
    if not cgroups.is_unified():
        # As runc does: in version 1 the groups of a cgroup mount are bound one by one, and need no namespace.
        namespaces = config["linux"]["namespaces"]
        config["linux"]["namespaces"] = [entry for entry in namespaces if entry["type"] != "cgroup"]
    return config


def _write_new(path: str, text: str) -> None:
    try:
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise PyociError(f"write {path}: it exists; remove it first") from None
    except OSError as error:
        raise PyociError(f"write {path}: {reason(error)}") from None
