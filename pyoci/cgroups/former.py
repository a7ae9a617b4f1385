"""The line that puts a file of a group back as it was before a write. Pure.

A file with one value takes that value. Others have a line for each disk, network interface or device, and take one such
line; a disk that has no limit has no line.
"""

from __future__ import annotations

_THROTTLE = ("read_bps", "read_iops", "write_bps", "write_iops")
# file -> what takes a disk's line away
_NOTHING = {
    "io.max": "rbps=max wbps=max riops=max wiops=max",
    "io.latency": "target=0",
    **dict.fromkeys(("io.weight", "io.bfq.weight", "blkio.bfq.weight_device", "blkio.weight_device"), "default"),
    "blkio.leaf_weight_device": "default",
    **{f"blkio.throttle.{name}_device": "0" for name in _THROTTLE},
}

# files that have, empty, the value of the group above: in NAME.effective
EFFECTIVE = ("cpuset.cpus", "cpuset.mems")
# file -> others that its write changes as well: a group that is idle no more has the weight of a new one
BESIDES = {"cpu.idle": ("cpu.shares", "cpu.weight")}


def line(name: str, written: str, before: str) -> str | None:
    """The line for the file `name`, whose content was `before` when `written` was written; None when nobody knows."""
    if name == "memory.oom_control":  # it shows three values and takes the first
        return before.split()[1]
    if name == "cpuset.cpus.partition":  # after the value comes why it is not in force
        return before.partition(" ")[0].strip()
    lines = before.rstrip("\n").split("\n")
    key, _, rest = written.partition(" ")
    for former in lines:
        if former.partition(" ")[0] == (key if rest else "default"):
            return former
    if rest and name in _NOTHING:
        return f"{key} {_NOTHING[name]}"
    return None if len(lines) > 1 else before.strip("\n")
