"""A bundle and the caller's options become the plan of a new container. Nothing has been made yet."""

from __future__ import annotations

import posix

from pyoci import cgroups, jsontext, log, phase
from pyoci.errors import DETACHED_TERMINAL, SOCKET_UNUSED, ConfigError, UsageError
from pyoci.host import passed_fds
from pyoci.kernel import procfs
from pyoci.plan import facts as host_facts
from pyoci.plan import namespaces
from pyoci.plan.build import build
from pyoci.plan.request import Request
from pyoci.record import Record
from pyoci.spec import bundle as bundles
from pyoci.spec import rules
from pyoci.state.store import READINESS_FOLDER, Store
from pyoci.wire.plan import Plan


class Options(Record):
    """The command line's options for a new container."""

    container_id: str
    bundle: str
    config: str = ""  # a file in the place of the bundle's config.json
    root: str
    console_socket: str = ""
    pidfd_socket: str = ""
    pid_file: str = ""
    no_pivot: bool = False
    no_new_keyring: bool = False
    preserve_fds: int = 0
    cgroup_manager: str = cgroups.CGROUPFS
    rootless: bool = False
    detach: bool = True
    supervised: bool = False  # host.supervise will write down how it ended


def load(options: Options) -> tuple[Plan, bytes]:
    """The bundle's plan, and its config as it was read. Raises ConfigError, UnsupportedError, UsageError."""
    phase("read config.json")
    path = _real_path(options.bundle)
    config, text = bundles.load(path, options.config)
    shared = host_facts.shared_namespaces(config)
    if shared:
        # by its inode, whatever its path is: every rule that asks for a namespace of the container's must see it
        config = namespaces.without(config, shared)
        text = jsontext.dumps(config).encode("ascii")
    phase("check the rules")
    problems = rules.check(config)
    if problems:
        raise ConfigError(problems)
    for words in rules.first_warnings(config):
        log.warning(words)
    phase("plan")
    request = Request(
        container_id=options.container_id,
        bundle=path,
        no_pivot=options.no_pivot,
        keyring=None if options.no_new_keyring else _new_keyring(options.container_id),
        preserve_fds=options.preserve_fds,
        readiness_folder=_readiness_folder(options),
    )
    plan = build(config, request, host_facts.gather())
    for words in plan.warnings:
        log.warning(words)
    if plan.annotations.get(cgroups.SUBGROUP) and options.cgroup_manager != cgroups.SYSTEMD:
        log.warning(f"/annotations/{cgroups.SUBGROUP}: needs --systemd-cgroup; it is ignored")
    place = plan.annotations.get(cgroups.FORCE_V1)
    if place and not any(mount.kind == "cgroup" and mount.destination == place for mount in plan.mounts):
        raise ConfigError(f"/annotations/{cgroups.FORCE_V1}: needs a mount of type cgroup at {place[:200]}")
    _check_terminal(plan, options)
    if plan.process is not None:
        passed_fds.check(plan.process.preserve_fds)
    if log.is_verbose():
        from pyoci.host import privileges

        log.debug(privileges.describe())
        log.debug(f"plan: {plan!r}")
    return plan, text


def _new_keyring(container_id: str) -> str:
    """A name that nobody else can say: the kernel lets every process of the same user join a keyring by its name, and
    takes one that is there already for the one to be made.
    """
    return f"_ses.{container_id[:200]}.{posix.urandom(16).hex()}"


def _readiness_folder(options: Options) -> str:
    """Where host.readiness will listen for the container's READY=1; empty when no service manager waits for it."""
    if not posix.environ.get(b"NOTIFY_SOCKET"):
        return ""
    return f"{Store(options.root).root}/{options.container_id}/{READINESS_FOLDER}"


def _real_path(path: str) -> str:
    """Without links; where there is no such directory, just absolute."""
    try:
        return procfs.real_path(path or ".")
    except OSError:
        return path if path.startswith("/") else f"{posix.getcwd()}/{path}"


def _check_terminal(plan: Plan, options: Options) -> None:
    terminal = plan.process is not None and plan.process.terminal
    if terminal and options.detach and not options.console_socket:
        raise UsageError(f"{DETACHED_TERMINAL}; /process/terminal is true, and --console-socket names a socket for it")
    if options.console_socket and not terminal:
        raise UsageError(f"{SOCKET_UNUSED}; /process/terminal of config.json is not true")
