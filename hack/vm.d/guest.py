"""One run of the guest: qemu, the four ports of the agent, the time limit."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from image import Image

# systemd's words for the cgroup layouts (systemd(1), "KERNEL COMMAND LINE").
CGROUPS = {
    "v2": "systemd.unified_cgroup_hierarchy=1",
    "hybrid": "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=0",
    "v1": "systemd.unified_cgroup_hierarchy=0 systemd.legacy_systemd_cgroup_controller=1",
}
# No mitigations: emulated processors leak nothing, and each costs emulated instructions.
BOOT = ("console=ttyS0 quiet loglevel=4 panic=-1 apparmor=1 security=apparmor mitigations=off nokaslr tsc=reliable "
        "random.trust_cpu=on systemd.show_status=0 systemd.log_level=warning rw")
BOOT_LIMIT = 300.0                      # seconds until the agent says "ready"; it takes about 25 on idle cores


PORTS = ("out", "err", "control", "files")       # hack/vm.d/agent says what goes through each


class GuestFailed(Exception):
    """The guest did not come up, or went away before the command's exit status was known."""


class TimedOut(Exception):
    """The time limit passed; the guest is gone."""


class Settings(NamedTuple):
    memory: int                         # MiB
    cpus: int
    cgroup: str                         # a key of CGROUPS
    boot_args: str
    timeout: float                      # seconds, for boot and command together
    interactive: bool                   # the guest's serial console is this terminal
    keep: bool                          # write to the disk itself, not to an overlay


class Guest:
    """A running guest. `run` relays the command's output and returns its exit status; the guest is gone then."""

    def __init__(self, image: Image, disk: Path, payload: Path, folder: Path, settings: Settings) -> None:
        self._settings = settings
        self._console = folder / "console.log"
        self.results = folder / "results.tar"
        self._began = time.monotonic()
        ours, theirs = zip(*(socket.socketpair() for _ in PORTS), strict=True)
        self._out, self._err, self._control, self._files = ours
        command = _command(image, disk, payload, self._console, settings, [end.fileno() for end in theirs])
        # qemu's throw-away overlay of the disk is made, and unlinked at once, in TMPDIR.
        self._qemu = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command], pass_fds=[end.fileno() for end in theirs],
            stdin=None if settings.interactive else subprocess.DEVNULL,
            stdout=None if settings.interactive else subprocess.PIPE, stderr=subprocess.STDOUT if not settings.interactive
            else None, env={**os.environ, "TMPDIR": str(folder)})
        for end in theirs:
            end.close()

    def run(self, ready: Callable[[str, float], None]) -> int:
        """Relay until the command ends. `ready` is called with systemd's state and the seconds it took.

        Raises GuestFailed and TimedOut.
        """
        status: int | None = None
        up = False
        said = b""
        try:
            with open(self.results, "wb") as results, selectors.DefaultSelector() as selector:
                for end, sink in ((self._out, 1), (self._err, 2), (self._files, results.fileno()), (self._control, -1)):
                    selector.register(end, selectors.EVENT_READ, sink)
                while selector.get_map():
                    limit = self._settings.timeout if up else min(BOOT_LIMIT, self._settings.timeout)
                    left = self._began + limit - time.monotonic()
                    if left <= 0 and status is None:
                        self._give_up(up, limit)
                    # After the exit status the ends of the ports follow at once: qemu is dead.
                    for key, _ in selector.select(max(left, 0) if status is None else None):
                        data = key.fileobj.recv(65536)          # type: ignore[union-attr]
                        if not data:
                            selector.unregister(key.fileobj)
                        elif key.data >= 0:
                            _write(key.data, data)
                        else:
                            *lines, said = (said + data).split(b"\n")
                            for line in lines:
                                word, _, rest = line.decode().partition(" ")
                                if word == "ready":
                                    up = True
                                    ready(rest.split()[0], time.monotonic() - self._began)
                                elif word == "exit":
                                    status = int(rest)
                                    self.kill()
        finally:
            self.kill()
        if status is None:
            raise GuestFailed(f"the guest {'went away' if up else 'did not come up'}{self._last_words()}")
        return status

    def kill(self) -> None:
        """End qemu for sure. Nothing in the guest is worth a shutdown: its disk is thrown away."""
        self._qemu.kill()
        self._qemu.wait()

    def _give_up(self, up: bool, limit: float) -> None:
        self.kill()
        if not up and limit < self._settings.timeout:
            raise GuestFailed(f"the guest was not up after {limit:.0f} s{self._last_words()}")
        raise TimedOut(f"not done after {limit:.0f} s: guest ended{'' if up else self._last_words()}")

    def _last_words(self) -> str:
        words = b""
        if self._qemu.stdout:
            words += self._qemu.stdout.read()
        if self._console.exists():
            words += self._console.read_bytes()[-3000:]
        text = words.decode(errors="replace").strip()
        return f"; its last words:\n{text}" if text else "; it said nothing"


def _command(image: Image, disk: Path, payload: Path, console: Path, settings: Settings, ports: list[int]) -> list[str]:
    command = [
        "qemu-system-x86_64", "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot",
        "-machine", "q35,usb=off,vmport=off,smbus=off,sata=off",
        # Hardware virtualization is never tried. 5-level page tables would make each miss a step longer.
        "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,la57=off",
        "-smp", str(settings.cpus), "-m", str(settings.memory),
        "-kernel", str(image.kernel), "-initrd", str(image.initramfs),
        "-append", f"{BOOT} {CGROUPS[settings.cgroup]} {settings.boot_args}".rstrip(),
        "-drive", f"file={disk},if=none,id=disk,format=raw,snapshot={'off' if settings.keep else 'on'},cache=unsafe", "-device", "virtio-blk-pci,drive=disk",
        "-drive", f"file={payload},if=none,id=payload,format=raw,readonly=on", "-device", "virtio-blk-pci,drive=payload",
        "-device", "virtio-rng-pci", "-device", "virtio-serial-pci",
    ]
    for name, descriptor in zip(PORTS, ports, strict=True):
        command += ["-chardev", f"socket,id={name},fd={descriptor}",
                    "-device", f"virtserialport,chardev={name},name={name}"]
    if settings.interactive:
        command += ["-chardev", "stdio,id=console,mux=on,signal=off", "-serial", "chardev:console", "-mon", "console"]
    else:
        command += ["-serial", f"file:{console}", "-monitor", "none"]
    return command


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data):]
