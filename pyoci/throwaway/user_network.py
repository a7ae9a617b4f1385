"""A network for an ordinary user's container: pasta or slirp4netns translate between sockets and a tap device."""

from __future__ import annotations

import os
import shutil
import signal

from pyoci.errors import PyociError
from pyoci.kernel import child, namespace, process, signals, uapi

# The address of slirp4netns' own server of names
_SLIRP_SERVER = "nameserver 10.0.2.3\n"
_READY_SECONDS = 10
_TUN = "/dev/net/tun"
# pasta(1) would let the container reach what listens on the host's loopback device, by its own and by the gateway's
# address, and bind the container's ports on the host.
_OWN = ("--no-map-gw", *("--tcp-ports", "none"), *("--udp-ports", "none"), *("--tcp-ns", "none"), *("--udp-ns", "none"))


class Helper:
    """A child outside of the user namespace, which starts the tool once this process has a network namespace."""

    def __init__(self) -> None:
        self.tool = shutil.which("pasta") or shutil.which("slirp4netns") or ""
        if not self.tool:
            raise PyociError(
                "option --net: an ordinary user needs pasta or slirp4netns for it: apt install passt; or run it as root"
            )
        if not os.path.exists(_TUN):
            raise PyociError(
                f"option --net: there is no {_TUN}, which {self.tool} needs: modprobe tun, or run it as root"
            )
        if not os.access(_TUN, os.R_OK | os.W_OK, effective_ids=True):
            raise PyociError(
                f"option --net: this user may not open {_TUN}, which {self.tool} needs (it is mode "
                f"{os.stat(_TUN).st_mode & 0o7777:04o}, most systems have 0666): chmod 666 {_TUN}, or run it as root"
            )
        owner = os.getpid()
        waits, self._go = os.pipe()
        self._ready, tells = os.pipe()
        self._child = child.run(lambda: self._begin(owner, waits, tells))
        os.close(waits)
        os.close(tells)

    def _begin(self, owner: int, waits: int, tells: int) -> None:
        """In the child."""
        os.close(self._go)
        os.close(self._ready)
        process.die_with_parent(signal.SIGKILL)
        if os.read(waits, 1):
            self._run(owner, tells)

    def enter(self) -> str:
        """Enter a new network namespace and wait until it has a network; the text of its resolv.conf. PyociError."""
        namespace.unshare(uapi.CLONE_NEWNET, "network namespace")
        os.write(self._go, b"x")
        os.close(self._go)
        answer = os.read(self._ready, 1)
        os.close(self._ready)
        if not answer:
            raise PyociError(f"option --net: {self.tool} cannot set up the network; its own words are above")
        return _SLIRP_SERVER if self.tool.endswith("slirp4netns") else ""

    def stop(self) -> None:
        os.kill(self._child, signal.SIGTERM)
        os.waitpid(self._child, 0)

    def _run(self, owner: int, tells: int) -> None:
        """In the child: become slirp4netns, or start pasta, which tells by going into the background."""
        if self.tool.endswith("slirp4netns"):
            os.set_inheritable(tells, True)
            words = ["--configure", "--mtu=65520", "--disable-host-loopback", f"--ready-fd={tells}", str(owner), "tap0"]
            os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
            os.dup2(1, 2)
            signals.reset()
            os.execv(self.tool, [self.tool, *words])
        place = f"/proc/{owner}/ns"
        where = ["--netns", f"{place}/net", "--userns", f"{place}/user"]
        words = ["--config-net", "--quiet", "--foreground", *where, *_OWN]
        # In the foreground it cannot tell that it is ready: the interface does.
        helper = os.getpid()
        pasta = child.run(lambda: self._become_pasta(helper, words))
        if not _wait_for_interface(owner, pasta):
            return
        os.write(tells, b"x")
        os.close(tells)
        signal.signal(signal.SIGTERM, lambda *_: os.kill(pasta, signal.SIGTERM))
        os.waitpid(pasta, 0)

    def _become_pasta(self, helper: int, words: list[str]) -> None:
        process.die_with_parent(signal.SIGKILL, helper)
        signals.reset()  # Debian 12's pasta takes an ignored SIGPIPE for an error
        os.execv(self.tool, [self.tool, *words])


def _wait_for_interface(owner: int, pasta: int) -> bool:
    """Until the namespace of `owner` has a route; False when the tool has ended before."""
    import time

    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        with open(f"/proc/{owner}/net/route") as file:
            if len(file.read().splitlines()) > 1:
                return True
        if os.waitpid(pasta, os.WNOHANG)[0]:
            return False
        time.sleep(0.02)
    return False
