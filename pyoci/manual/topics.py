"""Topics beyond one command: name -> (title, text)."""

from __future__ import annotations

TOPICS = {
    "bundle": (
        "Bundles",
        """\
A bundle is a folder with a config.json, as the OCI runtime specification describes it, and usually the container's
root file system, which root.path in config.json names.

    mkdir -p bundle/rootfs && cd bundle
    tar -C rootfs -xf some-root-file-system.tar
    pyoci spec            writes a config.json to start from
    pyoci validate        lists its errors
    pyoci explain         shows what it will do and what is unsafe in it
    pyoci run NAME        runs it

Without any root file system at hand, `pyoci try` runs a container over this machine's own.
""",
    ),
    "states": (
        "Where pyoci keeps states",
        """\
The state of a container is a folder below --root: /run/pyoci for root, $XDG_RUNTIME_DIR/pyoci for an ordinary user.
--root is a global option and stands before the command: pyoci --root DIR list.

An engine keeps the states of its containers below a root of its own: `list`, `top`, `ps`, `exec` and the others find
them with that --root.

    podman (root)          /run/pyoci, or --runtime-flag root=DIR
    podman (user)          $XDG_RUNTIME_DIR/pyoci
    containerd, docker     /run/containerd/runc/NAMESPACE, /run/docker/runtime-runc/moby

/run is empty after a reboot, and so is the list of containers: nothing runs any more, and nothing is left to delete.
""",
    ),
    "exit-status": (
        "Exit statuses",
        """\
    0      success
    1      failure: one line on standard error says what failed, on which value, and why
    2      `explain --fail-on`: something of that level was found
    130    interrupted
    255    `exec`: the program could not be run
    N      `run`, `exec` and `try`: the program's exit status, or 128 plus the number of the signal that ended it
""",
    ),
    "logs": (
        "Messages and logs",
        """\
Errors and warnings go to standard error, and with --log FILE also to that file, as lines of text or, with
--log-format json, as JSON objects with level, msg and time, which engines read. --debug adds each step, the plan of
the container and tracebacks. --trace FILE writes a timing trace for https://ui.perfetto.dev.

The container's program writes to the standard output and standard error of `create` or `run`. pyoci keeps no copy.
""",
    ),
    "rootless": (
        "Without root",
        """\
An ordinary user can run containers in a user namespace, without a daemon and without set-user-ID programs:

    pyoci spec --rootless       a config.json in which root inside is the user outside
    pyoci run NAME
    pyoci try                   the same over this machine's own root file system

More than one user ID inside needs newuidmap (package uidmap) and a range in /etc/subuid and /etc/subgid. Limits need
a delegated cgroup: on cgroup v2, systemd-run --user --scope -p Delegate=yes pyoci ... A network needs pasta or
slirp4netns. `pyoci doctor` shows which of these this machine has.

Root is needed for: device nodes, idmapped mounts, network devices of the host, limits on cgroup v1, checkpoints.
""",
    ),
    "upgrade": (
        "Upgrade, reboot, uninstall",
        """\
Containers do not depend on the program that made them: they go on while pyoci is replaced, and the new program's
commands find them. A newer pyoci reads the states that an older one has written. An older one that cannot read a
newer state says so and changes nothing.

After a reboot no container runs and /run is empty. A systemd service starts its container again:

    [Unit]
    Description=A container

    [Service]
    Type=notify
    NotifyAccess=all
    ExecStartPre=-/usr/local/bin/pyoci delete --force web
    ExecStart=/usr/local/bin/pyoci run --bundle /srv/web web
    Restart=on-failure

    [Install]
    WantedBy=multi-user.target

To uninstall: delete the containers (pyoci list --quiet | xargs -n 1 pyoci delete --force), uninstall the package
(apt-get remove pyoci, rpm -e pyoci, pip uninstall pyoci-runtime) or remove the program, and remove /run/pyoci,
/run/pyoci-try, /run/pyoci-bundles (of import pyoci) and /run/pyoci-seccomp (compiled filters). Nothing else is kept
anywhere.
""",
    ),
}
