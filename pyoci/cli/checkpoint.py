"""Write the processes of a running container to files with criu; `restore` makes the container again from them."""

from __future__ import annotations

from pyoci.cli import options as parser
from pyoci.cli.options import Call, Option
from pyoci.host import checkpoint as host
from pyoci.plan import checkpoint as plan
from pyoci.plan.criu import CGROUP_MODES, NETWORK_LOCKS
from pyoci.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[options] ID"
BOTH = (
    Option(name="image-path", value="DIR", help="the folder of criu's images (default: ./checkpoint)"),
    Option(name="work-path", value="DIR", help="the folder of criu's log and other work files (default: image-path)"),
    Option(name="tcp-established", help="keep open TCP connections"),
    Option(name="ext-unix-sk", help="allow unix sockets that are connected to processes outside"),
    Option(name="shell-job", help="allow a container that is a job of the caller's terminal"),
    Option(name="lazy-pages", help="fetch memory when it is needed (userfaultfd)"),
    Option(name="file-locks", help="keep file locks"),
    Option(
        name="manage-cgroups-mode",
        value="MODE",
        choices=tuple(CGROUP_MODES),
        help="restore cgroups: soft (the default), full, strict or ignore",
    ),
    Option(
        name="network-lock",
        value="METHOD",
        choices=tuple(NETWORK_LOCKS),
        help="block open TCP connections with iptables (criu's default) or nftables; skip: do not block them",
    ),
    Option(name="empty-ns", value="NAMESPACE", repeated=True, help="leave out what is in this namespace: network"),
    Option(name="auto-dedup", help="remove memory from an older image when a newer one has it"),
)
OPTIONS = (
    *BOTH,
    Option(name="parent-path", value="DIR", help="images of the previous pre-dump, relative to the image folder"),
    Option(name="leave-running", help="leave the container running"),
    Option(name="tcp-skip-in-flight", help="leave out TCP connections that are still being made"),
    Option(name="link-remap", help="give deleted files that are open a name again"),
    Option(name="status-fd", value="FD", help="have criu write a zero byte to FD once it waits for lazy pages"),
    Option(
        name="page-server",
        value="ADDRESS:PORT",
        help="send memory to this address, or with --lazy-pages serve it there",
    ),
    Option(name="pre-dump", help="write memory only, for a checkpoint with --parent-path; the container goes on"),
)
_SWITCHES = ("tcp-established", "ext-unix-sk", "shell-job", "lazy-pages", "file-locks", "auto-dedup")


def switches(options: dict[str, Any]) -> dict[str, Any]:
    """The values of BOTH as plan.criu.Switches takes them."""
    fields = {name.replace("-", "_"): options[name] for name in _SWITCHES}
    return fields | {
        "image_path": options["image-path"] or "",
        "work_path": options["work-path"] or "",
        "manage_cgroups_mode": options["manage-cgroups-mode"] or "",
        "network_lock": options["network-lock"] or "",
        "empty_ns": options["empty-ns"],
    }


def run(call: Call) -> int:
    parser.expect_args(call, 1, 1, "one container id")
    options = call.options
    fd = options["status-fd"]
    settings = plan.Wanted(
        **switches(options),
        parent_path=options["parent-path"] or "",
        leave_running=options["leave-running"],
        tcp_skip_in_flight=options["tcp-skip-in-flight"],
        link_remap=options["link-remap"],
        status_fd=parser.number("--status-fd", fd, -1, 1 << 20) if fd else -1,
        page_server=plan.page_server(options["page-server"] or ""),
        pre_dump=options["pre-dump"],
    )
    with Store(call.settings.root).open(call.args[0]) as entry:
        host.checkpoint(entry, settings, call.settings.criu)
    return 0
