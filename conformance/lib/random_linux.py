"""Random changes of namespaces, limits, filters and hooks."""

from __future__ import annotations

import random

from lib.random_case import Case, Config, some

_NAMESPACES = "mount pid ipc uts network cgroup user time".split()


_SYSCTLS = {
    "net.ipv4.ip_forward": ("0", "1", "x"),
    "net.ipv4.ping_group_range": ("0 0", "1 0"),
    "net.core.somaxconn": ("100",),
    "net/ipv4/conf/lo.1/forwarding": ("1",),
    "net.ipv4.conf.lo.forwarding": ("1", ""),
    "kernel.shmmax": ("65536",),
    "kernel.msgmax": ("4096", "-1"),
    "kernel.sem": ("250 32000 100 128",),
    "fs.mqueue.msg_max": ("20",),
    "kernel.domainname": ("example.org",),
    "kernel.hostname": ("other",),
    "vm.swappiness": ("10",),
    "kernel.pid_max": ("1000",),
    "user.max_user_namespaces": ("10",),
}


def namespaces(r: random.Random, case: Case) -> None:
    linux = case.config["linux"]
    action = r.choice("drop drop add add join join twice user user".split())
    names = [entry["type"] for entry in linux["namespaces"]]
    if action == "drop" and names:
        linux["namespaces"].pop(r.randrange(len(names)))
    elif action == "add":
        linux["namespaces"].append({"type": r.choice(("cgroup", "time", "cgroup", "frob", "net"))})
    elif action == "join":
        name = r.choice("network ipc uts pid cgroup mount time".split())
        linux["namespaces"] = [entry for entry in linux["namespaces"] if entry["type"] != name]
        kernel = {"network": "net", "mount": "mnt"}.get(name, name)
        path = r.choice(
            (
                f"/proc/DONOR/ns/{kernel}",
                f"/proc/DONOR/ns/{kernel}",
                f"/proc/self/ns/{kernel}",
                "/tmp/not-there",
                "/etc/hosts",
                "/proc/DONOR/ns/user",
            )
        )
        linux["namespaces"].append({"type": name, "path": path})
    elif action == "twice" and names:
        linux["namespaces"].append({"type": r.choice(names)})
    else:
        linux["namespaces"].append({"type": "user"})
        start, size = r.choice(((100000, 65536), (100000, 65536), (0, 65536), (1000, 1), (100000, 0)))
        linux["uidMappings"] = [{"containerID": 0, "hostID": start, "size": size}]
        linux["gidMappings"] = [{"containerID": 0, "hostID": start, "size": size}]
        if r.random() < 0.1:
            del linux[r.choice(("uidMappings", "gidMappings"))]


def names(r: random.Random, case: Case) -> None:
    config = case.config
    if r.random() < 0.6:
        config["hostname"] = r.choice(("h", "x" * 64, "x" * 65, "", "bad/name", "ä"))
    if r.random() < 0.5:
        config["domainname"] = r.choice(("example.org", "d" * 65, "", "(none)"))
    if r.random() < 0.3:
        config["ociVersion"] = r.choice(("1.0.0", "1.3.0", "1.9.9", "1.0.2-dev", "2.0.0", "0.9.0", "", "1.0", "v1.0.0"))
    if r.random() < 0.3:
        config["annotations"] = {r.choice(("a", "org.example.x", "")): r.choice(("", "v"))}


def sysctl(r: random.Random, case: Case) -> None:
    names = r.sample(sorted(_SYSCTLS), r.randint(1, 2))
    case.config["linux"]["sysctl"] = {name: r.choice(_SYSCTLS[name]) for name in names}


def limits(r: random.Random) -> Config:
    """A random object of limits."""
    found: Config = {}
    mega = 1 << 20
    if r.random() < 0.5:
        memory: Config = {}
        for name, values in (
            ("limit", (64 * mega, 128 * mega, -1, 0, 1)),
            ("reservation", (32 * mega, 256 * mega, -1, 0)),
            ("swap", (64 * mega, 200 * mega, -1, 0)),
            ("swappiness", (0, 60, 100, 101)),
            ("disableOOMKiller", (True, False)),
            ("kernel", (64 * mega, -1)),
            ("kernelTCP", (64 * mega,)),
            ("useHierarchy", (True, False)),
            ("checkBeforeUpdate", (True, False)),
        ):
            if r.random() < (0.35 if name in {"limit", "reservation", "swap"} else 0.1):
                memory[name] = r.choice(values)
        found["memory"] = memory
    if r.random() < 0.5:
        cpu: Config = {}
        for name, values in (
            ("shares", (2, 1024, 0, 1, 262144, 300000)),
            ("quota", (50000, -1, 0, 20000, 10)),
            ("period", (100000, 50000, 0, 10)),
            ("burst", (1000, 0, 60000)),
            ("cpus", ("0", "0-1", "1", "", "0-9", "x")),
            ("mems", ("0", "", "1")),
            ("idle", (0, 1, 2)),
            ("realtimeRuntime", (0, 1000)),
            ("realtimePeriod", (1000000,)),
        ):
            if r.random() < 0.25:
                cpu[name] = r.choice(values)
        found["cpu"] = cpu
    if r.random() < 0.4:
        found["pids"] = r.choice(({"limit": 100}, {"limit": -1}, {"limit": 0}, {}, {"limit": 10**7}))
    if r.random() < 0.2:
        found["blockIO"] = r.choice(
            (
                {"weight": 500},
                {"weight": 5},
                {"leafWeight": 100},
                {"throttleReadBpsDevice": [{"major": 7, "minor": 0, "rate": 1000}]},
                {},
            )
        )
    if r.random() < 0.1:
        found["hugepageLimits"] = [
            {"pageSize": r.choice(("2MB", "1GB", "3MB", "2mb")), "limit": r.choice((0, 4 * mega))}
        ]
    if r.random() < 0.1:
        found["network"] = r.choice(({"classID": 1048577}, {"priorities": [{"name": "lo", "priority": 5}]}, {}))
    if r.random() < 0.1:
        found["unified"] = r.choice(({"memory.max": "1000000"}, {"pids.max": "5"}, {"frob": "1"}, {}))
    if r.random() < 0.05:
        found["rdma"] = {"mlx5_1": {"hcaHandles": 3}}
    return found


def resources(r: random.Random, case: Case) -> None:
    case.config["linux"]["resources"].update(limits(r))
    if r.random() < 0.3:
        case.config["linux"]["cgroupsPath"] = r.choice(("/a/b", "/box", "rel/x", "", "/a//b/", "../up", "/a/../c"))


def kernel_things(r: random.Random, case: Case) -> None:
    linux = case.config["linux"]
    if r.random() < 0.4:
        linux["personality"] = {"domain": r.choice(("LINUX", "LINUX32", "frob", ""))}
    if r.random() < 0.4:
        linux["timeOffsets"] = {
            r.choice(("monotonic", "boottime", "frob")): {
                "secs": r.choice((86400, -1, 0)),
                "nanosecs": r.choice((0, 5, 10**9)),
            }
        }
        if r.random() < 0.8:
            linux["namespaces"].append({"type": "time"})
    if r.random() < 0.1:
        linux["mountLabel"] = r.choice(("", "system_u:object_r:t:s0"))
    if r.random() < 0.1:
        linux["intelRdt"] = {}


def seccomp(r: random.Random, case: Case) -> None:
    actions = ("SCMP_ACT_ALLOW SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_LOG SCMP_ACT_TRACE SCMP_ACT_FROB").split()
    seccomp: Config = {"defaultAction": r.choice(actions[:2] if r.random() < 0.8 else actions)}
    if r.random() < 0.7:
        seccomp["architectures"] = r.sample(
            ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32", "SCMP_ARCH_AARCH64"), r.randint(0, 3)
        )
    if r.random() < 0.3:
        seccomp["flags"] = some(
            r,
            [
                "SECCOMP_FILTER_FLAG_LOG",
                "SECCOMP_FILTER_FLAG_TSYNC",
                "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
                "SECCOMP_FILTER_FLAG_FROB",
            ],
            2,
        )
    seccomp["syscalls"] = []
    for _ in range(r.randint(0, 3)):
        rule: Config = {
            "names": some(r, "mkdir mkdirat unheard_of sync umask getcwd chroot".split(), 3, 1),
            "action": r.choice(actions),
        }
        if (rule["action"] == "SCMP_ACT_ERRNO" and r.random() < 0.6) or r.random() < 0.05:
            rule["errnoRet"] = r.choice((0, 1, 38, 5000))
        if r.random() < 0.3:
            rule["args"] = [
                {
                    "index": r.choice((0, 1, 5, 6)),
                    "value": r.choice((0, 1, 2**64 - 1)),
                    "op": r.choice(("SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_GT", "frob")),
                }
                for _ in range(r.randint(1, 2))
            ]
        seccomp["syscalls"].append(rule)
    case.config["linux"]["seccomp"] = seccomp


def hooks(r: random.Random, case: Case) -> None:
    hooks: Config = case.config.setdefault("hooks", {})
    for name in some(r, "prestart createRuntime createContainer startContainer poststart poststop".split(), 3, 1):
        inside = name == "startContainer"
        hook: Config = {"path": "/bin/hook" if inside else "/tmp/hook", "args": ["hook", name]}
        if r.random() < 0.4:
            hook["env"] = some(r, ["X=1", "PATH=/bin", "HOME=/h", "X=2", "NOVALUE"], 3)
        if r.random() < 0.1:
            del hook["args"]
        if r.random() < 0.1:
            hook["timeout"] = r.choice((5, 0, -1))
        if r.random() < 0.15:
            hook["args"] = ["hook", name, "fail"]
        if r.random() < 0.05:
            hook["path"] = r.choice(("/missing", "relative", ""))
        hooks.setdefault(name, []).append(hook)
