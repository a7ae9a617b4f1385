"""Write the processes of a running container to files, by criu, so that `restore` can make it go on from there."""

from __future__ import annotations

from pyoci.cli import options as parser
from pyoci.cli.options import Call, Option
from pyoci.host import checkpoint as host
from pyoci.plan import checkpoint as plan
from pyoci.plan.criu import CGROUP_MODES
from pyoci.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[options] ID"
BOTH = (
    Option(name="image-path", value="DIR", help="the folder of criu's images (default: ./checkpoint)"),
    Option(name="work-path", value="DIR", help="the folder of criu's log and other work files (default: image-path)"),
    Option(name="tcp-established", help="open TCP connections are taken along"),
    Option(name="ext-unix-sk", help="unix sockets may be connected to processes outside"),
    Option(name="shell-job", help="the container is a job of the caller's terminal"),
    Option(name="lazy-pages", help="memory is fetched when it is needed (userfaultfd)"),
    Option(name="file-locks", help="file locks are taken along"),
    Option(
        name="manage-cgroups-mode",
        value="MODE",
        choices=tuple(CGROUP_MODES),
        help="cgroups: soft (the default), full, strict or ignore",
    ),
    Option(name="empty-ns", value="NAMESPACE", repeated=True, help="leave the properties of this namespace: network"),
    Option(name="auto-dedup", help="memory that is in two images is removed from the older one"),
)
OPTIONS = (
    *BOTH,
    Option(name="parent-path", value="DIR", help="the images of the pre-dump before, from the image folder"),
    Option(name="leave-running", help="the container goes on after that"),
    Option(name="tcp-skip-in-flight", help="TCP connections that are being made are left out"),
    Option(name="link-remap", help="files that are open and deleted get a name again"),
    Option(name="status-fd", value="FD", help="criu writes a zero byte there once it waits for lazy pages"),
    Option(
        name="page-server", value="ADDRESS:PORT", help="memory goes to, or with --lazy-pages waits at, this address"
    ),
    Option(name="pre-dump", help="write memory only, for a checkpoint with --parent-path; the container goes on"),
)
_SWITCHES = ("tcp-established", "ext-unix-sk", "shell-job", "lazy-pages", "file-locks", "auto-dedup")


def switches(given: dict[str, Any]) -> dict[str, Any]:
    """The values of BOTH as plan.criu.Switches takes them."""
    found = {name.replace("-", "_"): given[name] for name in _SWITCHES}
    return found | {
        "image_path": given["image-path"] or "",
        "work_path": given["work-path"] or "",
        "manage_cgroups_mode": given["manage-cgroups-mode"] or "",
        "empty_ns": given["empty-ns"],
    }


def run(call: Call) -> int:
    parser.expect_args(call, 1, 1, "one container id")
    given = call.options
    fd = given["status-fd"]
    wanted = plan.Wanted(
        **switches(given),
        parent_path=given["parent-path"] or "",
        leave_running=given["leave-running"],
        tcp_skip_in_flight=given["tcp-skip-in-flight"],
        link_remap=given["link-remap"],
        status_fd=parser.number("--status-fd", fd, -1, 1 << 20) if fd else -1,
        page_server=plan.page_server(given["page-server"] or ""),
        pre_dump=given["pre-dump"],
    )
    with Store(call.settings.root).open(call.args[0]) as entry:
        host.checkpoint(entry, wanted, call.settings.criu)
    return 0
