"""Random commands for a container that runs."""

from __future__ import annotations

import random

from lib import random_linux, random_process
from lib.random_case import PROBE, Case, Config, plain


def run(r: random.Random, case: Case) -> None:
    case.use_run = True
    if r.random() < 0.3:
        case.config["process"]["args"] = [
            "/bin/sh",
            "-c",
            r.choice(("exit 3", "kill -TERM $$; sleep 1", "kill -9 $$", "exit 256", "true")),
        ]


def exec(r: random.Random, case: Case) -> None:
    for _ in range(r.randint(1, 2)):
        options: list[str] = []
        for option, values in (
            ("--cwd", ("/tmp", "/not/there", "tmp", "/link")),
            ("--env", ("X=1", "PATH=/bin", "NOVALUE", "HOME=/e", "")),
            ("--user", "1000 1000:5 0 x 5: :5 4294967295 -1".split()),
            ("--cap", ("CAP_NET_RAW", "CAP_KILL", "cap_kill", "CAP_FROB", "")),
            ("--additional-gids", ("7", "x", "-1", "7,8")),
            ("--preserve-fds", ("0", "1")),
            ("--process-label", ("",)),
            ("--cgroup", ("/", "/sub", "memory:/", "frob:/")),
        ):
            if r.random() < 0.22:
                options += [option, r.choice(values)]
        if r.random() < 0.15:
            options += r.choice(
                (["--no-new-privs"], ["--detach"], ["--ignore-paused"], ["--pid-file", "/tmp/exec.pid"])
            )
        if r.random() < 0.4:
            process: Config = {"args": list(PROBE), "cwd": "/"}
            other = Case(0, plain())
            for change in r.sample(
                (
                    random_process.process_place,
                    random_process.user,
                    random_process.rights,
                    random_process.rlimits,
                    random_process.scheduling,
                ),
                r.randint(1, 3),
            ):
                change(r, other)
            process = other.config["process"]
            for name in list(process):
                if r.random() < 0.15:
                    del process[name]
            case.steps.append(["exec", options if r.random() < 0.2 else [], process])
        else:
            case.steps.append(
                [
                    "exec",
                    options,
                    r.choice(
                        (
                            list(PROBE),
                            list(PROBE),
                            ["sh", "/bin/probe"],
                            ["missing"],
                            ["/etc/hosts"],
                            ["sh", "-c", "exit 9"],
                            ["sh", "-c", "kill -9 $$"],
                            [],
                        )
                    ),
                ]
            )


def update(r: random.Random, case: Case) -> None:
    for _ in range(r.randint(1, 3)):
        if r.random() < 0.6:
            case.steps.append(["update", [], random_linux.limits(r)])
        else:
            options: list[str] = []
            for option, values in (
                ("--memory", ("64000000", "-1", "0", "x", "64m")),
                ("--memory-swap", ("128000000", "-1")),
                ("--memory-reservation", ("1000000", "-1")),
                ("--cpu-share", ("512", "0", "x")),
                ("--cpu-quota", ("20000", "-1")),
                ("--cpu-period", ("50000",)),
                ("--cpu-burst", ("1000",)),
                ("--cpu-idle", ("1", "0", "3")),
                ("--cpuset-cpus", ("0", "0-1", "9")),
                ("--cpuset-mems", ("0",)),
                ("--pids-limit", ("10", "-1", "0")),
                ("--blkio-weight", ("300", "5")),
                ("--cpu-rt-period", ("1000000",)),
                ("--cpu-rt-runtime", ("0",)),
            ):
                if r.random() < 0.18:
                    options += [option, r.choice(values)]
            case.steps.append(["update", options, None])


def signals(r: random.Random, case: Case) -> None:
    case.steps += [
        [
            "command",
            r.choice(
                (
                    ["kill", "KILL"],
                    ["kill", "TERM"],
                    ["kill", "SIGUSR1"],
                    ["kill", "0"],
                    ["kill", "99"],
                    ["kill", "frob"],
                    ["kill", "--all", "TERM"],
                    ["kill", "sigkill"],
                    ["kill", "RTMIN+1"],
                    ["kill", "64"],
                    ["kill", "-1"],
                    ["pause"],
                    ["resume"],
                    ["state"],
                    ["ps"],
                    ["ps", "-f", "json"],
                    ["start"],
                    ["delete"],
                    ["delete", "--force"],
                    ["list"],
                    ["list", "-q"],
                    ["list", "-f", "json"],
                    ["list", "-f", "frob"],
                    ["events", "--stats"],
                    ["create"],
                )
            ),
        ]
        for _ in range(r.randint(2, 6))
    ]
    for step in case.steps:
        step[2:] = step[2:] or [None]
