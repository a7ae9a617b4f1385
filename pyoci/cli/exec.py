"""Run another process in a running container.

It gets the container's namespaces, root file system and limits, and the properties of `process` in the container's
config.json, unless an option changes them. COMMAND is looked up in the container's PATH; its options need no `--`
before them. The exit status is that of the process; 255 when it could not be run.
"""

from __future__ import annotations

from pyoci.cli import options as parser
from pyoci.cli.options import HAND_OVER, Call, Option
from pyoci.errors import PyociError, SyscallError, UsageError
from pyoci.host import exec as host
from pyoci.plan.exec import Changes
from pyoci.state.store import Store

USAGE = "[options] ID COMMAND [ARGUMENT ...]   or   exec --process FILE ID"
STOP_AT = 1
OPTIONS = (
    Option(
        name="process",
        short="p",
        value="FILE",
        default="",
        help="read the process from FILE as JSON (config.md, process)",
    ),
    Option(name="tty", short="t", help="allocate a terminal"),
    *HAND_OVER,
    Option(name="detach", short="d", help="return once the program runs"),
    Option(name="cwd", value="DIR", default="", help="working directory in the container"),
    Option(name="env", short="e", value="KEY=VALUE", repeated=True, help="add an environment variable"),
    Option(name="user", short="u", value="UID[:GID]", default="", help="IDs of the user and group to run as"),
    Option(name="additional-gids", short="g", value="GID", repeated=True, help="add a group ID"),
    Option(name="process-label", value="LABEL", default="", help="SELinux label"),
    Option(name="apparmor", value="PROFILE", default="", help="AppArmor profile"),
    Option(name="no-new-privs", default="", help="do not let it gain privileges"),
    Option(name="cap", short="c", value="CAPABILITY", repeated=True, help="add a capability"),
    Option(name="preserve-fds", value="N", default="0", help="pass N more file descriptors, starting at 3"),
    Option(
        name="cgroup",
        value="[CONTROLLER:]PATH",
        repeated=True,
        help="enter this cgroup below the container's, which must exist",
    ),
    Option(name="ignore-paused", help="also run in a paused container, where it waits for resume"),
)


def options_of(call: Call) -> host.Options:
    """The options of exec as `host` takes them."""
    values = call.options
    if not call.args:
        raise UsageError("exec takes a container ID and a command")
    _, *args = call.args
    if bool(args) == bool(values["process"]):
        both = "both" if args else "neither"
        raise host.failed(UsageError(f"exec takes a command or --process FILE, not {both}"))
    changes = Changes(
        args=args,
        terminal=values["tty"],
        cwd=values["cwd"],
        env=values["env"],
        user=values["user"],
        additional_gids=[parser.number("--additional-gids", gid) for gid in values["additional-gids"]],
        selinux_label=values["process-label"],
        apparmor_profile=values["apparmor"],
        no_new_privileges=None if values["no-new-privs"] == "" else values["no-new-privs"],
        capabilities=values["cap"],
    )
    return host.Options(
        changes=changes,
        process_file=values["process"],
        console_socket=values["console-socket"],
        pidfd_socket=values["pidfd-socket"],
        pid_file=values["pid-file"],
        preserve_fds=parser.number("--preserve-fds", values["preserve-fds"]),
        cgroups=values["cgroup"],
        ignore_paused=values["ignore-paused"],
        detach=values["detach"],
        root=call.settings.root,
    )


def run(call: Call) -> int:
    options = options_of(call)
    container_id = call.args[0]
    try:
        with Store(call.settings.root).open(container_id) as entry:
            return host.execute(entry, options)
    except PyociError as error:
        raise host.failed(error) from None
    except OSError as error:
        raise host.failed(SyscallError(error.errno or 0, f"exec in {container_id}")) from None
