"""Configs that have a value for each property: for tests that look at all of them."""

from __future__ import annotations

from typing import Any

from pyoci.spec import template


def full_config() -> dict[str, Any]:
    """What every container may have."""
    config: dict[str, Any] = template.default("1.3.0")
    config["process"]["user"] |= {"umask": 18, "additionalGids": [5]}
    config["process"] |= {
        "oomScoreAdj": 1,
        "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 4},
        "scheduler": {"policy": "SCHED_BATCH", "nice": 1, "flags": ["SCHED_FLAG_RESET_ON_FORK"]},
        "execCPUAffinity": {"initial": "0", "final": "0"},
    }
    config["process"]["capabilities"] |= {"inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]}
    config |= {"hostname": "h", "domainname": "d"}
    config["hooks"] = {"poststop": [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 3}]}
    config["annotations"] = {"a": "b"}
    config["linux"] |= {
        "cgroupsPath": "/x",
        "sysctl": {"net.ipv4.ip_forward": "1"},
        "devices": [{"path": "/dev/a", "type": "c", "major": 1, "minor": 3, "fileMode": 420, "uid": 0, "gid": 0}],
        "rootfsPropagation": "private",
        "personality": {"domain": "LINUX"},
        "timeOffsets": {clock: {"secs": 1, "nanosecs": 2} for clock in ("monotonic", "boottime")},
        "seccomp": {
            "defaultAction": "SCMP_ACT_ALLOW",
            "architectures": ["SCMP_ARCH_X86_64"],
            "syscalls": [
                {
                    "names": ["read"],
                    "action": "SCMP_ACT_ERRNO",
                    "errnoRet": 1,
                    "args": [{"index": 0, "value": 1, "valueTwo": 2, "op": "SCMP_CMP_EQ"}],
                }
            ],
        },
        "resources": {
            "memory": {"limit": 1 << 30, "swappiness": 5},
            "cpu": {"shares": 5, "cpus": "0", "mems": "0"},
            "pids": {"limit": 5},
            "blockIO": {"weight": 10, "throttleReadBpsDevice": [{"major": 1, "minor": 2, "rate": 3}]},
            "hugepageLimits": [{"pageSize": "2MB", "limit": 5}],
            "unified": {"memory.high": "5"},
            "devices": [{"allow": False, "access": "rwm", "type": "a"}],
        },
    }
    config["linux"]["namespaces"].append({"type": "time"})
    return config


def everything() -> dict[str, Any]:
    """A config with each property that has a value of its own."""
    config = full_config()
    linux = config["linux"]
    config["hooks"] = {
        name: [{"path": "/bin/true", "args": ["true"], "env": ["A=b"], "timeout": 3}]
        for name in ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
    }
    config["process"] |= {
        "apparmorProfile": "box",
        "selinuxLabel": "a:b:c:s0",
        "consoleSize": {"height": 5, "width": 9},
    }
    config["process"]["terminal"] = True
    config["annotations"] = {"org.systemd.property.TimeoutStopUSec": "uint64 5", "run.oci.hooks.stdout": "hook.log"}
    config["mounts"] += [
        {"destination": "/v", "type": "bind", "source": "/volume", "options": ["rbind", "ro", "rprivate"]},
        {"destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": ["size=5m", "mode=755"]},
        {
            "destination": "/i",
            "type": "bind",
            "source": "/volume",
            "options": ["bind", "idmap"],
            "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 5}],
            "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 5}],
        },
    ]
    linux["namespaces"].append({"type": "user"})
    linux |= {
        "uidMappings": [{"containerID": 0, "hostID": 1000, "size": 65536}],
        "gidMappings": [{"containerID": 0, "hostID": 1000, "size": 65536}],
        "mountLabel": "a:b:c:s0",
        "intelRdt": {"closID": "c", "schemata": ["L3:0=f"], "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=5",
                     "enableMonitoring": True},
        "netDevices": {"eth7": {"name": "eth0"}},
        "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0", "flags": ["MPOL_F_STATIC_NODES"]},
    }  # fmt: skip
    linux["seccomp"] |= {"listenerPath": "/run/listener", "listenerMetadata": "m", "flags": ["SECCOMP_FILTER_FLAG_LOG"]}
    linux["resources"] |= {
        "memory": {"limit": 1 << 30, "reservation": 1 << 20, "swap": 1 << 31, "disableOOMKiller": False,
                   "useHierarchy": True, "checkBeforeUpdate": True},
        "cpu": {"shares": 500, "quota": 5000, "burst": 1000, "period": 10000, "cpus": "0", "mems": "0", "idle": 0},
        "blockIO": {
            "weight": 100,
            "leafWeight": 100,
            "weightDevice": [{"major": 8, "minor": 0, "weight": 100, "leafWeight": 100}],
            **{f"throttle{way}{unit}Device": [{"major": 8, "minor": 0, "rate": 1000}]
               for way in ("Read", "Write") for unit in ("Bps", "IOPS")},
        },
        "rdma": {"mlx5_1": {"hcaHandles": 3, "hcaObjects": 10000}},
        "network": {"classID": 5, "priorities": [{"name": "eth0", "priority": 5}]},
        "devices": [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}],
    }  # fmt: skip
    linux["devices"].append({"path": "/dev/fifo", "type": "p"})
    return config
