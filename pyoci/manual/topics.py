"""What is not about one command: name -> (title, text)."""

from __future__ import annotations

TOPICS = {
    "bundle": (
        "What a bundle is",
        """\
A bundle is a folder with a config.json, as the OCI runtime specification describes it, and as a rule the root file
system of the container, which config.json names as root.path.

    mkdir -p bundle/rootfs && cd bundle
    tar -C rootfs -xf some-root-file-system.tar
    pyoci spec            writes a config.json to start from
    pyoci validate        tells what is wrong with it
    pyoci explain         tells what it will do, and what is unsafe in it
    pyoci run NAME        runs it

Without any root file system at hand, `pyoci try` runs a container over this machine's own.
""",
    ),
    "states": (
        "Where states are kept",
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
    0      it was done
    1      it was not: one line on standard error says what failed, on which value, why
    130    interrupted
    N      `run`, `exec` and `try`: the exit status of the program; 128 and the signal's number when a signal ended it
    2      `explain --fail-on`: something of that level was found
    255    `exec`: the program could not be run
""",
    ),
    "logs": (
        "Messages and logs",
        """\
Errors and warnings go to standard error, and with --log FILE also to that file, as lines of text or, with
--log-format json, as JSON objects with level, msg and time, which engines read. --debug adds what is done, the plan
of the container and tracebacks. --trace FILE writes where the time goes, for https://ui.perfetto.dev.

What the container's program writes goes where `create` or `run` was told by its own standard output and standard error:
pyoci keeps no copy of it.
""",
    ),
    "rootless": (
        "Without root",
        """\
An ordinary user can run containers in a user namespace, without a daemon and without set-user-ID programs:

    pyoci spec --rootless       a config.json in which root inside is the user outside
    pyoci run NAME
    pyoci try                   the same over this machine's own root file system

More than one user ID inside takes newuidmap (package uidmap) and a range in /etc/subuid and /etc/subgid. Limits take
a cgroup that was delegated: on cgroup v2, systemd-run --user --scope -p Delegate=yes pyoci ... A network takes pasta
or slirp4netns. `pyoci doctor` tells what this machine has of all that.

Root is needed for: device nodes, idmapped mounts, network devices of the host, limits on cgroup v1, checkpoints.
""",
    ),
    "upgrade": (
        "Upgrade, reboot, uninstall",
        """\
Containers do not depend on the program that made them: while pyoci is replaced they run on, and the new program's
commands find them. A newer pyoci reads the states that an older one has written; should an older one meet a newer
state that it cannot read, it says so and changes nothing.

After a reboot no container runs and /run is empty. A service of systemd starts its container again:

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

To uninstall: delete the containers (pyoci list --quiet | xargs -n 1 pyoci delete --force), uninstall the package (pip
uninstall pyoci-runtime), remove /run/pyoci, /run/pyoci-try and /run/pyoci-seccomp (compiled filters). Nothing else is
kept anywhere.
""",
    ),
}
