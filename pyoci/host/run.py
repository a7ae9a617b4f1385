"""run: create and start in one, and in the foreground wait, relay and clean up."""

from __future__ import annotations

from pyoci import log, phase
from pyoci.errors import PyociError
from pyoci.host import create as creation
from pyoci.host import delete, start
from pyoci.host.bundle_plan import Options
from pyoci.host.create import Created
from pyoci.host.send_fd import ConsoleSocket
from pyoci.kernel import pidfd, process, signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pyoci.host.readiness import Readiness
    from pyoci.host.relay import Relay


def run(options: Options, *, keep: bool, subreaper: bool) -> int:
    """The exit status of the container's program; 128 and the signal's number when one ended it."""
    relay = None
    if options.detach or options.console_socket:
        created = creation.create(options, ConsoleSocket(options.console_socket))
    else:
        from pyoci.host.relay import Relay

        relay = Relay()
        created = creation.create(options, relay.adopt)
    try:
        if not options.detach:
            return _foreground(created, relay, keep, subreaper)
        readiness = begin(created)
        if readiness is not None:
            signals.let_through()
            readiness.wait()
        return 0
    except BaseException:  # whatever it is: nobody else waits for this container
        _stop_and_destroy(created)
        raise


def begin(created: Created) -> Readiness | None:
    """Start; a container that cannot be started is not left behind."""
    try:
        return start.start(created.entry)
    except PyociError:
        _stop_and_destroy(created)
        raise


def _foreground(created: Created, relay: Relay | None, keep: bool, subreaper: bool) -> int:
    from pyoci.host.relay import Relay

    watcher = relay or Relay()
    if subreaper:
        process.become_subreaper()
    with watcher:
        watcher.readiness = begin(created)
        phase("wait for the program's end")
        status = watcher.wait(created.pid, created.pidfd)
    if status > 128:
        from pyoci.host import why_ended

        why_ended.tell(status, created.entry, created.pid)
    if not keep:
        try:
            if created.entry.lock_unless_gone():
                delete.destroy(created.entry, created.state)
        except PyociError as error:
            log.warning(str(error))
    return status


def _stop_and_destroy(created: Created) -> None:
    """Because of a failure, whose words must be the last ones: what fails here is a warning."""
    try:
        if not created.entry.lock_unless_gone():
            return
        killed = delete.stop(created.state)
        try:
            pidfd.reap(created.pid, 1.0)
        except ChildProcessError:
            pass
        delete.destroy(created.entry, created.state, killed)
    except PyociError as error:
        log.warning(f"container {created.entry.id} is not deleted: {error}")
