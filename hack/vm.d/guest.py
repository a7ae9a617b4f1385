"""One run of the guest: qemu, the ports of the agent, the time limit."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

# systemd's words for the cgroup layouts (systemd(1), "KERNEL COMMAND LINE").
CGROUPS = {
    "v2": "systemd.unified_cgroup_hierarchy=1",
    "hybrid": "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=0",
    "v1": "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1",
}
# Mitigations are off: an emulated processor leaks nothing, and each costs emulated instructions.
BOOT = (
    "console=ttyS0 quiet loglevel=4 panic=-1 rw apparmor=1 security=apparmor mitigations=off nokaslr "
    "tsc=reliable random.trust_cpu=on systemd.show_status=0 systemd.log_level=warning"
)
CPU = "max,la57=off"  # 5-level page tables would make each look-up a step longer
BOOT_LIMIT = 300.0  # seconds until the agent says "ready"; it takes about 10 on idle cores
PORTS = ("out", "err", "control", "files")  # what goes through each: see the file agent beside this one


class GuestError(Exception):
    """The guest did not come up, or went away before the command's exit status was known."""


class TimeLimitError(Exception):
    """A time limit passed; the guest is gone."""


class Settings(NamedTuple):
    """What one run is to be like."""

    kernel: Path
    initramfs: Path
    disk: Path
    payload: Path
    folder: Path  # of the run, for the console's log, the results and qemu's overlay
    memory: int  # MiB
    cpu: str
    cpus: int
    cgroup: str  # a key of CGROUPS
    boot_args: str
    timeout: float  # seconds, for boot and command together
    idle: float  # seconds that the command may be silent: a slow machine gets on, a hung test does not
    interactive: bool  # the guest's serial console is this terminal
    write_disk: bool  # write to the disk itself, not to an overlay


class Guest:
    """A running guest, from its making on."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._console = settings.folder / "console.log"
        self.results = settings.folder / "results.tar"
        self._began = self._heard = time.monotonic()
        self._up = False
        self._status: int | None = None
        ours, theirs = zip(*(socket.socketpair() for _ in PORTS), strict=True)
        self._ports = dict(zip(PORTS, ours, strict=True))
        descriptors = [end.fileno() for end in theirs]
        command = _command(settings, self._console, descriptors)
        self._qemu = subprocess.Popen(
            # Should this program be killed, the guest is, too.
            ["setpriv", "--pdeathsig", "KILL", *command],
            pass_fds=descriptors,
            stdin=None if settings.interactive else subprocess.DEVNULL,
            stdout=None if settings.interactive else subprocess.PIPE,
            stderr=None if settings.interactive else subprocess.STDOUT,
            # qemu makes its throw-away overlay of the disk there, and unlinks it at once.
            env={**os.environ, "TMPDIR": str(settings.folder)},
        )
        for end in theirs:
            end.close()

    def run(self, ready: Callable[[str], None]) -> int:
        """Relay the command's output until it ends; return its exit status. The guest is gone afterwards.

        `ready` is called with systemd's word for the state it is in once the command starts.
        Raises GuestError and TimeLimitError.
        """
        try:
            with open(self.results, "wb") as results:
                self._relay(results.fileno(), ready)
        finally:
            self.kill()
        if self._status is None:
            what = "went away" if self._up else "did not come up"
            raise GuestError(f"the guest {what}{self._last_words()}")
        return self._status

    def kill(self) -> None:
        """End qemu for sure. Nothing in the guest is worth a shutdown: its disk is thrown away."""
        self._qemu.kill()
        self._qemu.wait()

    def _relay(self, results: int, ready: Callable[[str], None]) -> None:
        """Until all ports are at their end, which is when qemu is dead; "exit" makes it so."""
        sinks = {"out": 1, "err": 2, "files": results}
        said = b""
        with selectors.DefaultSelector() as selector:
            for name, port in self._ports.items():
                selector.register(port, selectors.EVENT_READ, name)
            while selector.get_map():
                for key, _ in selector.select(self._time_left()):
                    name = key.data
                    data = self._ports[name].recv(1 << 16)
                    if not data:
                        selector.unregister(key.fileobj)
                    elif name in sinks:
                        self._heard = time.monotonic()
                        _write(sinks[name], data)
                    else:
                        *lines, said = (said + data).split(b"\n")
                        for line in lines:
                            self._obey(line.decode(), ready)

    def _obey(self, line: str, ready: Callable[[str], None]) -> None:
        word, _, rest = line.partition(" ")
        if word == "ready":
            self._up = True
            self._heard = time.monotonic()
            ready(rest)
        elif word == "exit":
            self._status = int(rest)
            # The agent waited until the other ports were empty: what they said is in our sockets by now.
            self.kill()

    def _time_left(self) -> float | None:
        """Seconds; None when it no longer matters. Raises GuestError, or TimeLimitError, when it is over."""
        if self._status is not None:
            return None
        now = time.monotonic()
        limit = self._settings.timeout if self._up else min(BOOT_LIMIT, self._settings.timeout)
        left = self._began + limit - now
        quiet = self._heard + self._settings.idle - now if self._up else left
        if min(left, quiet) > 0:
            return min(left, quiet)
        self.kill()
        if not self._up:
            raise GuestError(f"the guest was not up after {limit:.0f} s{self._last_words()}")
        if left > 0:
            raise TimeLimitError(f"the command printed nothing for {self._settings.idle:.0f} s, so the guest was ended")
        raise TimeLimitError(f"the command had not ended after {limit:.0f} s, so the guest was ended")

    def _last_words(self) -> str:
        words = self._qemu.stdout.read() if self._qemu.stdout else b""
        if self._console.exists():
            words += self._console.read_bytes()[-3000:]
        text = words.decode(errors="replace").strip()
        return f"; its last words:\n{text}" if text else "; it said nothing"


def _command(settings: Settings, console: Path, ports: list[int]) -> list[str]:
    snapshot = "off" if settings.write_disk else "on"
    command = ["qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"]
    command += ["-machine", "q35,usb=off,vmport=off,smbus=off,sata=off"]
    # Hardware virtualization is never tried: where /dev/kvm is there and does not work, qemu hangs.
    command += ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", settings.cpu]
    command += ["-smp", str(settings.cpus), "-m", str(settings.memory)]
    command += ["-kernel", str(settings.kernel), "-initrd", str(settings.initramfs)]
    command += ["-append", f"{BOOT} {CGROUPS[settings.cgroup]} {settings.boot_args}".rstrip()]
    command += ["-drive", f"file={settings.disk},if=none,id=disk,format=raw,snapshot={snapshot},cache=unsafe"]
    command += ["-drive", f"file={settings.payload},if=none,id=payload,format=raw,readonly=on"]
    for device in (
        "virtio-blk-pci,drive=disk",
        "virtio-blk-pci,drive=payload",
        "virtio-rng-pci",
        "virtio-serial-pci",
    ):
        command += ["-device", device]
    for name, descriptor in zip(PORTS, ports, strict=True):
        command += ["-chardev", f"socket,id={name},fd={descriptor}"]
        command += ["-device", f"virtserialport,chardev={name},name={name}"]
    if settings.interactive:
        command += ["-chardev", "stdio,id=console,mux=on,signal=off"]
        command += ["-serial", "chardev:console", "-mon", "console"]
    else:
        command += ["-serial", f"file:{console}", "-monitor", "none"]
    return command


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
