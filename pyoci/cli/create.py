"""Make a container from a bundle, up to the point where its program would start.

`pyoci start ID` runs the program, `pyoci delete ID` removes the container. The bundle is a folder with a config.json
and, as a rule, the root file system; `pyoci spec` writes a config.json to start from.
"""

from __future__ import annotations

from pyoci.cli import options as parser
from pyoci.cli.options import HAND_OVER, Call, Option
from pyoci.host import create as host
from pyoci.host.bundle_plan import Options
from pyoci.host.send_fd import ConsoleSocket

USAGE = "[options] ID"
BUNDLE = Option(name="bundle", short="b", value="DIR", default=".", help="the bundle (default: the working directory)")
OF_A_NEW_ONE = (
    BUNDLE,
    Option(
        name="config",
        short="f",
        value="FILE",
        default="",
        help="the configuration (default: config.json in the bundle)",
    ),
    *HAND_OVER,
    Option(name="no-pivot", help="move the root file system instead of pivot_root (for a root in a ramdisk)"),
    Option(name="no-new-keyring", help="keep the caller's session keyring"),
    Option(name="preserve-fds", value="N", default="0", help="pass N more file descriptors, starting at 3"),
)
OPTIONS = (
    *OF_A_NEW_ONE,
    Option(name="no-subreaper", help="accepted and ignored: create waits for no container"),
)


def options_of(call: Call, detach: bool) -> Options:
    """The options of create and run as `host` takes them."""
    if len(call.args) != 1 or "/" in call.args[0]:
        from pyoci.cli import mistakes

        raise mistakes.no_id(call.command, call.args)
    values = call.options
    return Options(
        container_id=call.args[0],
        bundle=values["bundle"],
        config=values["config"],
        root=call.settings.root,
        console_socket=values["console-socket"],
        pidfd_socket=values["pidfd-socket"],
        pid_file=values["pid-file"],
        no_pivot=values["no-pivot"],
        no_new_keyring=values["no-new-keyring"],
        preserve_fds=parser.number("--preserve-fds", values["preserve-fds"]),
        cgroup_manager=call.settings.cgroup_manager,
        rootless=call.settings.rootless,
        detach=detach,
    )


def run(call: Call) -> int:
    options = options_of(call, detach=True)
    host.create(options, ConsoleSocket(options.console_socket))
    return 0
