"""`linux.sysctl`: written to the kernel's own procfs, not to what the image has at /proc/sys (CVE-2025-52881)."""

from __future__ import annotations

from pyoci.errors import SyscallError
from pyoci.kernel import procfs
from pyoci.kernel.call import shown


def apply(values: list[tuple[str, str]], proc_fd: int) -> None:
    for path, value in values:
        try:
            procfs.write(proc_fd, f"sys/{path}", value)
        except SyscallError as error:
            name = path if "." in path else path.replace("/", ".")  # sysctl(8): eth0.5 needs the form with slashes
            what = f"set sysctl {shown(name)} to {shown(value)!r}"
            raise SyscallError(error.errno, what).at(f"/linux/sysctl/{name}") from None
