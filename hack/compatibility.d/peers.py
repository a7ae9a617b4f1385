"""What runc 1.5, crun 1.28 and youki 0.7 have: commands, options and annotations, by their manual pages and `--help`.

Of runc and youki their main branches of August 2026, and runc 1.3.6; of crun the program of Debian sid.

A word of the last column of each table: r runc, c crun, y youki.
"""

from __future__ import annotations

COMMANDS = {
    **dict.fromkeys(
        ("create", "start", "state", "kill", "delete", "run", "exec", "list", "ps", "pause", "resume", "update"), "rcy"
    ),
    "spec": "rcy",
    "features": "rcy",
    "events": "ry",
    "checkpoint": "rcy",
    "restore": "rc",
    "mounts": "c",
    "completion": "y",
    "info": "y",
}

_NEW = {"bundle": "rcy", "config": "c", "console-socket": "rcy", "pid-file": "rcy", "pidfd-socket": "r"}
_NEW |= {"no-pivot": "rcy", "no-new-keyring": "rcy", "preserve-fds": "rcy"}
_CRIU = {"image-path": "rc", "work-path": "rc", "tcp-established": "rc", "ext-unix-sk": "rc"}
_CRIU |= {"shell-job": "rc", "file-locks": "rc", "manage-cgroups-mode": "rc", "empty-ns": "r", "auto-dedup": "r"}
_CRIU |= {"lazy-pages": "r", "network-lock": "c"}
OPTIONS = {
    "(global)": {
        "debug": "rcy",
        "log": "rcy",
        "log-format": "rcy",
        "log-level": "cy",
        "root": "rcy",
        "systemd-cgroup": "rcy",
        "systemd-log": "y",
        "cgroup-manager": "c",
        "rootless": "rc",
        "criu": "r",
        "version": "rcy",
        "help": "rcy",
        "usage": "c",
    },
    "create": _NEW | {"no-subreaper": "c"},
    "run": _NEW | {"detach": "rcy", "keep": "rcy", "no-subreaper": "rcy"},
    "exec": {
        **dict.fromkeys(("console-socket", "cwd", "env", "tty", "user", "process", "detach", "pid-file"), "rcy"),
        **dict.fromkeys(("process-label", "apparmor", "no-new-privs", "cap", "preserve-fds", "cgroup"), "rcy"),
        "additional-gids": "ry",
        "ignore-paused": "ry",
        "pidfd-socket": "r",
    },
    "kill": {"all": "rcy", "regex": "c"},
    "delete": {"force": "rcy", "regex": "c"},
    "list": {"format": "rcy", "quiet": "rcy"},
    "ps": {"format": "rcy"},
    "events": {"interval": "ry", "stats": "ry"},
    "spec": {"bundle": "rcy", "rootless": "rcy", "file": "c"},
    "update": {
        **dict.fromkeys(("resources", "blkio-weight", "cpu-period", "cpu-quota", "cpu-rt-period"), "rcy"),
        **dict.fromkeys(("cpu-rt-runtime", "cpuset-cpus", "cpuset-mems", "memory", "memory-reservation"), "rcy"),
        **dict.fromkeys(("memory-swap", "pids-limit", "cpu-share"), "rcy"),
        **dict.fromkeys(("cpu-burst", "cpu-idle"), "r"),
        **dict.fromkeys(("kernel-memory", "kernel-memory-tcp"), "rc"),
        **dict.fromkeys(("l3-cache-schema", "mem-bw-schema"), "rcy"),
    },
    "checkpoint": {name: f"{whose}y" if whose == "rc" else whose for name, whose in _CRIU.items()}
    | {
        "link-remap": "ry",
        "tcp-skip-in-flight": "ry",
        "parent-path": "rc",
        "leave-running": "rcy",
        "status-fd": "r",
        "page-server": "r",
        "pre-dump": "rc",
    },
    "restore": _CRIU
    | {
        **dict.fromkeys(("bundle", "detach", "pid-file", "console-socket"), "rc"),
        **dict.fromkeys(("lsm-profile", "lsm-mount-context"), "rc"),
        "tcp-close": "c",
        **dict.fromkeys(("no-subreaper", "no-pivot"), "r"),
    },
}
# Their options of one letter, which are ours as well. youki has more (`-l`, `-r`, `-s`; `-c` and `-p` of create and
# run), for options that engines and people write out.
LETTERS = {
    "(global)": {"version": "v", "help": "h"},
    "create": {"bundle": "b", "config": "f"},
    "run": {"bundle": "b", "config": "f", "detach": "d"},
    "exec": {"env": "e", "tty": "t", "user": "u", "process": "p", "detach": "d", "cap": "c", "additional-gids": "g"},
    "kill": {"all": "a", "regex": "r"},
    "delete": {"force": "f", "regex": "r"},
    "list": {"format": "f", "quiet": "q"},
    "ps": {"format": "f"},
    "spec": {"bundle": "b", "file": "f"},
    "update": {"resources": "r"},
    "restore": {"bundle": "b", "detach": "d"},
}
# Left out on purpose.
OPTION_REASONS = {
    ("(global)", "usage"): "GNU argp adds it to every program; `--help` says the same",
    ("(global)", "systemd-log"): "youki writes to the journal with it; here `--log journald:NAME` does",
}
COMMAND_REASONS = {"info": "`pyoci doctor` says more about the host"}

ANNOTATIONS = {
    "io.kubernetes.cri.container-type": "c",
    "krun.": "c",
    "module.wasm.image/variant": "c",
    "org.criu.config": "rc",
    "org.systemd.property.": "rc",
    "run.oci.delegate-cgroup": "c",
    "run.oci.handler": "c",
    "run.oci.hooks.stderr": "c",
    "run.oci.hooks.stdout": "c",
    "run.oci.keep_original_groups": "c",
    "run.oci.mount_context_type": "c",
    "run.oci.pidfd_receiver": "c",
    "run.oci.seccomp.plugins": "c",
    "run.oci.seccomp.receiver": "c",
    "run.oci.seccomp_bpf_data": "c",
    "run.oci.seccomp_fail_unknown_syscall": "c",
    "run.oci.systemd.force_cgroup_v1": "c",
    "run.oci.systemd.subgroup": "c",
    "run.oci.timens_offset": "c",
}
# crun's, which we refuse by name: mount_setattr(2) has no such flags for the mounts below.
MOUNT_OPTIONS_REFUSED = ("rasync", "rdirsync", "rmand", "rnomand", "rsync")
ANNOTATION_REASONS = {
    "io.kubernetes.cri.container-type": "crun reads it to choose a handler; pyoci has none",
    "krun.": "settings of crun's handler for virtual machines; pyoci has none",
    "module.wasm.image/variant": "an image for crun's handler for WebAssembly; pyoci has none",
    "run.oci.handler": "it names one of crun's handlers; pyoci has none; ignored with a warning",
    "run.oci.pidfd_receiver": "`--pidfd-socket` has replaced it; ignored with a warning",
    "run.oci.seccomp.plugins": "it loads code into the runtime; ignored with a warning",
    "run.oci.seccomp.receiver": "`linux.seccomp.listenerPath` has replaced it; ignored with a warning",
    "run.oci.seccomp_bpf_data": "it replaces the checked filter by unchecked bytes; ignored with a warning",
    "run.oci.seccomp_fail_unknown_syscall": "`pyoci validate` names unknown system calls; ignored with a warning",
    "run.oci.timens_offset": "`linux.timeOffsets` has replaced it, in crun 1.28 too; ignored with a warning",
}
