"""Random changes of the process, and of whoever calls the runtime."""

from __future__ import annotations

import random

from lib.random_case import CAPABILITIES, Case, Config, some

_RLIMITS = (
    "RLIMIT_NOFILE RLIMIT_CORE RLIMIT_CPU RLIMIT_NPROC RLIMIT_STACK RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO "
    "RLIMIT_SIGPENDING RLIMIT_MEMLOCK RLIMIT_FSIZE"
).split()


def process_place(r: random.Random, case: Case) -> None:
    process = case.config["process"]
    if r.random() < 0.5:
        process["cwd"] = r.choice(
            (
                "/",
                "/tmp",
                "/not/there",
                "/link",
                "/dangling",
                "/etc/hosts",
                "tmp",
                "",
                "/private",
                "/proc/self",
                "/proc/1/root",
                "/mnt/../tmp",
                "/mnt/new",
            )
        )
    if r.random() < 0.3:
        process["args"] = r.choice(
            (
                ["sh", "/bin/probe"],
                ["missing"],
                ["/bin/missing"],
                ["./bin/sh", "/bin/probe"],
                ["/etc/hosts"],
                ["/tmp"],
                [""],
                ["bin/sh", "/bin/probe"],
                ["/bin/noshebang"],
                ["/bin/badshebang"],
                ["/bin/probe"],
                ["/private/sh", "/bin/probe"],
                ["/link/sh"],
                ["/bin/false"],
                ["/bin/sh", "-c", "kill -9 $$"],
                ["/bin/sh", "-c", "exit 77"],
            )
        )
    if r.random() < 0.6:
        process["env"] = some(
            r,
            [
                "PATH=/bin",
                "PATH=",
                "PATH=/usr/bin:/bin",
                "A=1",
                "A=2",
                "HOME=/x",
                "HOME=",
                "NOVALUE",
                "=x",
                "",
                "B=a=b",
                "C=ä",
                "LD_PRELOAD=/x.so",
                "HOSTNAME=h",
                "TERM=dumb",
                "LISTEN_FDS=1",
                "USER=u",
                "_X=\n",
            ],
            5,
        )


def user(r: random.Random, case: Case) -> None:
    user: Config = {
        "uid": r.choice((0, 1, 1000, 65534, 4294967294, 4294967295, -1)),
        "gid": r.choice((0, 5, 1000, 65534)),
    }
    if r.random() < 0.5:
        user["additionalGids"] = [r.choice((0, 5, 10, 1000, 5)) for _ in range(r.randint(0, 3))]
    if r.random() < 0.4:
        user["umask"] = r.choice((0, 0o22, 0o77, 0o777, 0o1777, 63))
    if r.random() < 0.1:
        user["username"] = "root"
    for name in ("uid", "gid"):
        if r.random() < 0.08:
            del user[name]
    case.config["process"]["user"] = user


def rights(r: random.Random, case: Case) -> None:
    process = case.config["process"]
    kind = r.random()
    pool = [*CAPABILITIES, "CAP_UNHEARD_OF", "cap_chown", "CHOWN", "ALL"] if kind < 0.1 else list(CAPABILITIES)
    if kind < 0.8:
        process["capabilities"] = {
            name: sorted(set(some(r, pool, 6)))
            for name in ("bounding", "effective", "permitted", "inheritable", "ambient")
            if r.random() < 0.75
        }
    elif kind < 0.85:
        del process["capabilities"]
    if r.random() < 0.5:
        process["noNewPrivileges"] = r.random() < 0.5
    if r.random() < 0.3:
        process["oomScoreAdj"] = r.choice((0, 100, -100, 1000, -1000, 1001, -1001))
    if r.random() < 0.1:
        process["apparmorProfile"] = r.choice(("", "unconfined", "box"))
    if r.random() < 0.1:
        process["selinuxLabel"] = r.choice(("", "system_u:system_r:t:s0"))


def rlimits(r: random.Random, case: Case) -> None:
    values = (0, 1, 5, 1024, 4096, 2**20, 2**63 - 1, 2**64 - 1, 2**64 - 1, -1)
    case.config["process"]["rlimits"] = [
        {
            "type": r.choice((*_RLIMITS, *_RLIMITS, "RLIMIT_FROB", "NOFILE")),
            "soft": r.choice(values[:8]),
            "hard": r.choice(values[2:]),
        }
        for _ in range(r.randint(0, 4))
    ]


def scheduling(r: random.Random, case: Case) -> None:
    process = case.config["process"]
    if r.random() < 0.5:
        scheduler: Config = {
            "policy": r.choice(
                "SCHED_OTHER SCHED_BATCH SCHED_IDLE SCHED_FIFO SCHED_RR SCHED_DEADLINE SCHED_ISO frob".split()
            )
        }
        if r.random() < 0.5:
            scheduler["nice"] = r.choice((0, 5, 19, -5, 20, -21))
        if r.random() < 0.5:
            scheduler["priority"] = r.choice((0, 1, 50, 99, 100))
        if r.random() < 0.3:
            scheduler["flags"] = some(r, ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_FROB"], 2)
        if r.random() < 0.3:
            scheduler.update(
                runtime=r.choice((0, 10**7)), deadline=r.choice((10**7, 3 * 10**7)), period=r.choice((0, 3 * 10**7))
            )
        process["scheduler"] = scheduler
    if r.random() < 0.5:
        priority: Config = {
            "class": r.choice(("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE", "IOPRIO_CLASS_NONE", "frob"))
        }
        if r.random() < 0.8:
            priority["priority"] = r.choice((0, 4, 7, 8, -1))
        process["ioPriority"] = priority
    if r.random() < 0.4:
        process["execCPUAffinity"] = {
            name: r.choice(("0", "1", "0-1", "0,1", "", "7-", "99", "a"))
            for name in ("initial", "final")
            if r.random() < 0.7
        }


def caller(r: random.Random, case: Case) -> None:
    case.caller = {
        "umask": r.choice((0, 0o22, 0o77)),
        "ignored": some(r, ["SIGINT", "SIGPIPE", "SIGUSR1", "SIGCHLD"], 2),
        "oom": r.choice((None, 500, 300)),
        "nofile": r.choice((None, 512)),
        "nice": r.choice((0, 0, 5)),
        "env": some(r, ["LISTEN_FDS=1", "HOME=/caller", "PATH=/usr/bin", "LANG=C", "NOTIFY_SOCKET="], 2),
    }
    if r.random() < 0.3:
        case.create_options += r.choice(
            (["--no-pivot"], ["--no-new-keyring"], ["--preserve-fds", "1"], ["--preserve-fds", "0"])
        )
