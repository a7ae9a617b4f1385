"""Change the resource limits of a container; the others stay as they are.

With --resources the limits come from a file in the form of `linux.resources` of config.json, and the other
options for limits are ignored. Sizes take a unit: 512k, 64m, 1g; -1 is unlimited."""

from __future__ import annotations

import os

from pyoci import jsontext, log
from pyoci.cli import options
from pyoci.cli.options import Call, Option
from pyoci.errors import CgroupError, UsageError
from pyoci.host import update
from pyoci.spec import bundle
from pyoci.state.store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = "[options] ID"
OPTIONS = (
    Option(name="resources", short="r", value="FILE", help="read the limits from FILE, - is standard input"),
    Option(name="blkio-weight", value="WEIGHT", help="weight for block devices, 10 to 1000"),
    Option(name="cpu-period", value="US", help="period of the CPU limit in microseconds"),
    Option(name="cpu-quota", value="US", help="CPU time in a period in microseconds, -1 is unlimited"),
    Option(name="cpu-burst", value="US", help="CPU time saved for bursts in microseconds"),
    Option(name="cpu-share", value="SHARES", help="weight against other containers"),
    Option(name="cpu-rt-period", value="US", help="period of the realtime limit in microseconds"),
    Option(name="cpu-rt-runtime", value="US", help="realtime CPU time in a period in microseconds"),
    Option(name="cpuset-cpus", value="LIST", help="CPUs to run on: 0-3,7"),
    Option(name="cpuset-mems", value="LIST", help="memory nodes to use"),
    Option(name="cpu-idle", value="0|1", help="1: run only when the CPU is idle (SCHED_IDLE)"),
    Option(name="kernel-memory", value="SIZE", hidden=True, help="limit of kernel memory"),
    Option(name="kernel-memory-tcp", value="SIZE", hidden=True, help="limit of TCP buffers"),
    Option(name="memory", value="SIZE", help="limit of memory"),
    Option(name="memory-reservation", value="SIZE", help="soft limit of memory, in force under pressure"),
    Option(name="memory-swap", value="SIZE", help="limit of memory and swap together, -1 is unlimited"),
    Option(name="pids-limit", value="COUNT", help="limit of processes and threads, -1 is unlimited"),
    Option(name="l3-cache-schema", value="SCHEMA", help="Intel RDT cache allocation"),
    Option(name="mem-bw-schema", value="SCHEMA", help="Intel RDT memory bandwidth"),
)

_SIZES = {
    "memory": "limit",
    "memory-reservation": "reservation",
    "memory-swap": "swap",
    "kernel-memory": "kernel",
    "kernel-memory-tcp": "kernelTCP",
}
_CPU_NUMBERS = {
    "cpu-share": "shares",
    "cpu-period": "period",
    "cpu-quota": "quota",
    "cpu-burst": "burst",
    "cpu-rt-period": "realtimePeriod",
    "cpu-rt-runtime": "realtimeRuntime",
    "cpu-idle": "idle",
}
_MAY_BE_NEGATIVE = ("cpu-quota", "cpu-rt-runtime")
_CPU_LISTS = {"cpuset-cpus": "cpus", "cpuset-mems": "mems"}
_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}
_MAX_BYTES = 1 << 20
_MAX_SIZE = (1 << 63) - 1  # int64, as in config-linux.md; the kernel cuts more than 64 bits
_MAX_DIGITS = 20  # those of 2^64; thousands make int() and float() raise errors of their own


def run(call: Call) -> int:
    options.expect_args(call, 1, 1, "one container id")
    source = call.options["resources"]
    # As runc has it: a document takes the place of all options except those for resctrl, which it cannot hold.
    resources = read_resources(source) if source else from_options(call.options)
    with Store(call.settings.root).open(call.args[0]) as entry:
        try:
            update.update(entry, resources, schemata(call.options))
        except CgroupError as error:
            from pyoci.host import advice

            advice.of_update(error)
            raise
    return 0


def read_resources(source: str) -> dict[str, Any]:
    """The document at `source`, checked. Raises ConfigError."""
    if source == "-":
        data, name = _read_standard_input(), "standard input"
    else:
        data, name = bundle.read_stream(source, _MAX_BYTES), source
    document = jsontext.loads(data, what=name, limit=_MAX_BYTES)
    if isinstance(document, dict) and document.keys() & {"ociVersion", "process", "linux"}:
        raise UsageError(
            f"option --resources: {name} is a config.json; write its /linux/resources into a file of its own"
        )
    bundle.accept(document, "resources")
    from pyoci.spec import unknown

    for words in unknown.properties(document, "resources"):
        log.warning(words)
    resources: dict[str, Any] = document
    return resources


def from_options(values: dict[str, Any]) -> dict[str, Any]:
    """`linux.resources` of what the options say, empty if they say nothing. Raises UsageError."""
    # An empty value is what a script passes that has none.
    values = {name: value or None for name, value in values.items()}
    memory = {key: size(name, values[name]) for name, key in _SIZES.items() if values[name] is not None}
    cpu: dict[str, Any] = {key: values[name] for name, key in _CPU_LISTS.items() if values[name] is not None}
    for name, key in _CPU_NUMBERS.items():
        if values[name] is not None:
            cpu[key] = options.number(f"--{name}", values[name], -1 if name in _MAY_BE_NEGATIVE else 0)
    resources: dict[str, Any] = {}
    if memory:
        resources["memory"] = memory
    if cpu:
        resources["cpu"] = cpu
    if values["pids-limit"] is not None:
        resources["pids"] = {"limit": options.number("--pids-limit", values["pids-limit"], -1)}
    if values["blkio-weight"] is not None:
        weight = options.number("--blkio-weight", values["blkio-weight"], 10, 1000)
        resources["blockIO"] = {"weight": weight}
    return resources


def schemata(values: dict[str, Any]) -> list[str]:
    """The lines of --l3-cache-schema and --mem-bw-schema, in this order. Raises UsageError."""
    lines = []
    for name, start in (("l3-cache-schema", "L3"), ("mem-bw-schema", "MB:")):
        line = values[name]
        if not line:
            continue
        if not line.startswith(start) or "\n" in line:
            raise UsageError(f"option --{name}: {line[:80]!r} is not one line that starts with {start}")
        lines.append(line)
    return lines


def size(name: str, text: str) -> int:
    """Bytes of `512`, `64m`, `1.5GiB`; -1 as it is. Raises UsageError."""
    if text == "-1":
        return -1
    word = text.strip().lower()
    digits = word[: len(word) - len(word.lstrip("0123456789."))]
    unit = word[len(digits) :].strip().removesuffix("b").removesuffix("i")
    if unit not in _UNITS or digits.strip(".") == "" or digits.count(".") > 1 or len(digits) > _MAX_DIGITS:
        raise UsageError(f"option --{name}: {text!r} is not a size such as 536870912, 512m or 1g")
    number = int(float(digits) * _UNITS[unit]) if "." in digits else int(digits) * _UNITS[unit]
    if number > _MAX_SIZE:
        raise UsageError(
            f"option --{name}: {text!r} is more than {_MAX_SIZE} bytes, the largest limit; -1 takes the limit away"
        )
    return number


def _read_standard_input() -> bytes:
    data = b""
    while part := os.read(0, 65536):
        data += part
        if len(data) > _MAX_BYTES:
            raise UsageError(f"update: more than {_MAX_BYTES} bytes on standard input")
    return data
