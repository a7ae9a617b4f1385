"""run: create and start in one, and in the foreground wait, relay and clean up."""

from __future__ import annotations

import posix

from pyoci import log, phase
from pyoci.errors import PyociError
from pyoci.host import create as creation
from pyoci.host import delete, start
from pyoci.host.create import Created, Options
from pyoci.host.send_fd import ConsoleSocket
from pyoci.kernel import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.host.readiness import Readiness


def run(options: Options, *, keep: bool, subreaper: bool) -> int:
    """The exit status of the container's program; 128 and the signal's number when one ended it."""
    if options.detach or options.console_socket:
        created = creation.create(options, ConsoleSocket(options.console_socket))
        if options.detach:
            readiness = begin(created)
            if readiness is not None:
                readiness.wait()
            return 0
        return _foreground(created, None, keep, subreaper)

    from pyoci.host.relay import Relay

    relay = Relay()
    return _foreground(creation.create(options, relay.adopt), relay, keep, subreaper)


def begin(created: Created) -> Readiness | None:
    """Start; a container that cannot be started is not left behind."""
    try:
        return start.start(created.entry)
    except PyociError:
        if not created.entry.is_removed():
            delete.stop(created.state)
            posix.waitpid(created.pid, 0)
            delete.destroy(created.entry, created.state)
        raise


def _foreground(created: Created, relay: object, keep: bool, subreaper: bool) -> int:
    from pyoci.host.relay import Relay

    watcher = relay if isinstance(relay, Relay) else Relay()
    if subreaper:
        process.become_subreaper()
    with watcher:
        watcher.readiness = begin(created)
        phase("wait for the program's end")
        status = watcher.wait(created.pid, created.pidfd)
    if not keep:
        try:
            delete.destroy(created.entry, created.state)
        except PyociError as error:
            log.warning(str(error))
    return status
