"""Restore a container from a checkpoint with criu. The bundle must be as it was at the checkpoint."""

from __future__ import annotations

from pyoci.cli import checkpoint, create
from pyoci.cli.options import HAND_OVER, Call, Option
from pyoci.host import restore as host
from pyoci.host.bundle_plan import Options
from pyoci.plan import restore as plan

USAGE = "[options] ID"
OPTIONS = (
    create.BUNDLE,
    *checkpoint.BOTH,
    *HAND_OVER,
    Option(name="tcp-close", help="restore TCP connections as closed ones"),
    Option(name="detach", short="d", help="return once the container runs again"),
    Option(name="no-subreaper", help="do not reap orphans of the container's processes"),
    Option(name="no-pivot", help="accepted and ignored: criu changes the root in its own way"),
    Option(name="lsm-profile", value="TYPE:NAME", help="apparmor or selinux profile in place of the checkpointed one"),
    Option(name="lsm-mount-context", value="CONTEXT", help="SELinux context of mounts that have one"),
)


def run(call: Call) -> int:
    if len(call.args) != 1 or "/" in call.args[0]:
        from pyoci.cli import mistakes

        raise mistakes.no_id("restore", call.args)
    values = call.options
    options = Options(
        container_id=call.args[0],
        bundle=values["bundle"],
        root=call.settings.root,
        console_socket=values["console-socket"],
        pidfd_socket=values["pidfd-socket"],
        pid_file=values["pid-file"],
        no_pivot=values["no-pivot"],
        cgroup_manager=call.settings.cgroup_manager,
        rootless=False,
        detach=values["detach"],
    )
    switches = plan.Wanted(
        **checkpoint.switches(values),
        tcp_close=values["tcp-close"],
        lsm_profile=values["lsm-profile"] or "",
        lsm_mount_context=values["lsm-mount-context"] or "",
    )
    return host.run(options, switches, call.settings.criu, subreaper=not values["no-subreaper"])
