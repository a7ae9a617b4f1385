"""Limits as data: which value goes into which file, and the writing of them."""

from __future__ import annotations

import errno

from pyoci.cgroups import files
from pyoci.errors import CgroupError, reason
from pyoci.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Former = list[tuple[str, str]]  # paths and values, in the order of writing


class Write(Record):
    """One value for one file.

    controller   whose group the file is in
    targets      (file, value): where several are given, kernels differ and the first file that is there
                 counts
    name         the property of `linux.resources` that asks for it
    optional     whether the file may be missing
    unified      whether the file is in the cgroup2 hierarchy of a hybrid layout
    """

    controller: str
    targets: tuple[tuple[str, str], ...]
    name: str
    optional: bool = False
    unified: bool = False


def apply(batches: list[list[Write]], path_of: Callable[[Write], str | None], restore: bool = False) -> Former:
    """Write every batch, in order; the former values are what `write_back` takes.

    Within a batch the kernel checks values against each other (limit <= memory+swap, burst <= quota), and
    which order is right depends on the former values: what it refuses is tried again after the others.
    With `restore`, what had been written before something failed gets its former value back. Raises CgroupError that
    names the property, the file and the value.
    """
    former: Former | None = [] if restore else None
    try:
        for batch in batches:
            _apply_batch(batch, path_of, former)
    except CgroupError:
        write_back(former or [])
        raise
    return former or []


def _apply_batch(batch: list[Write], path_of: Callable[[Write], str | None], former: Former | None) -> None:
    waiting = batch
    while waiting:
        refused: list[tuple[Write, OSError]] = []
        for item in waiting:
            error = _try(item, path_of, former)
            if error is not None:
                refused.append((item, error))
        if len(refused) == len(waiting):
            item, error = refused[0]
            raise CgroupError(_words(item, error)).at(item.name)
        waiting = [item for item, _ in refused]


def write_back(former: Former) -> None:
    """Former values, in whatever order the kernel takes them; what it does not take stays as it is."""
    waiting = former[::-1]
    while waiting:
        left = []
        for path, value in waiting:
            try:
                files.write_raw(path, value)
            except OSError:
                left.append((path, value))
        if len(left) == len(waiting):
            return
        waiting = left


def _try(item: Write, path_of: Callable[[Write], str | None], former: Former | None) -> OSError | None:
    """Write one value; the error when another order may help."""
    group = path_of(item)
    if group is None:
        raise CgroupError(
            f"{item.name}: the container has no group of the {item.controller} controller, which is not mounted or "
            "not this user's to make groups in"
        )
    for name, value in item.targets:
        path = f"{group}/{name}"
        try:
            values = _values_before(path, value) if former is not None else []
            files.write_raw(path, value)
            if former is not None:
                former += values
            return None
        except FileNotFoundError:
            continue
        except OSError as error:
            error.filename = path
            if error.errno == errno.EINVAL:
                return error
            raise CgroupError(_words(item, error)).at(item.name) from None
    if item.optional:
        return None
    from pyoci.cgroups import why_refused

    file = item.targets[0][0]
    raise CgroupError(f"{item.name}: this kernel has no {file} in {group}: {why_refused.missing(file)}")


def _values_before(path: str, value: str) -> Former:
    """Writes that put the file back, and others that it changes; none for one that can only be written. Raises
    FileNotFoundError.
    """
    from pyoci.cgroups import former

    group, _, name = path.rpartition("/")
    values: Former = []
    for other in former.BESIDES.get(name, ()):
        text = files.read_optional(f"{group}/{other}")
        if text is not None:
            values.append((f"{group}/{other}", text.strip()))
    try:
        line = former.line(name, value, files.read_raw(path))
    except FileNotFoundError:
        raise
    except OSError:
        return values
    if line is None:
        return values
    values.append((path, line))
    if name in former.EFFECTIVE and not line:
        # some kernels let no group with processes have none again: this comes first, and is the same
        text = files.read_optional(f"{path}.effective")
        values += [(path, text.strip())] if text else []
    return values


def _words(item: Write, error: OSError) -> str:
    from pyoci.cgroups import why_refused

    path: str = error.filename
    name = path.rpartition("/")[2]
    text = f"{item.name}: write {files.shown(dict(item.targets)[name])} to {path}: {reason(error)}"
    advice = why_refused.advice(path, error.errno or 0)
    return f"{text}; {advice}" if advice else text


def single_write(controller: str, file: str, value: object, name: str, optional: bool = False) -> Write:
    """A value for the one file that it can go to."""
    return Write(controller=controller, targets=((file, str(value)),), name=name, optional=optional)


def pids_max(limit: int) -> str:
    """pids.max of both versions. A limit of 0 (config-linux.md, "PIDs": no more) is 1, as in runc since 1.4: systemd
    takes no 0, and with either number init is the only process.
    """
    return "max" if limit < 0 else str(max(limit, 1))


def rdma_lines(devices: dict[str, dict[str, Any]]) -> list[str]:
    """One line of rdma.max for each device; the file is the same in both versions."""
    lines = []
    for device, limits in devices.items():
        words = [device]
        for key, word in (("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object")):
            if limits.get(key) is not None:
                words.append(f"{word}={limits[key]}")
        lines.append(" ".join(words))
    return lines
