"""The rules that a schema cannot say: each refuses its case, at its place, and nothing else."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from helpers import golden
from helpers.schema_documents import documents
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pyoci.errors import ConfigError
from pyoci.spec import rules, template
from pyoci.spec._generated_schema import CONFIG
from pyoci.spec.bundle import all_problems, check_document
from pyoci.spec.rules import advice, linux, mounts, namespaces, process, resources, sizes

ALL = (*namespaces.RULES, *mounts.RULES, *process.RULES, *sizes.RULES, *linux.RULES, *resources.RULES)
EVERY_NAMESPACE = [{"type": t} for t in ("pid", "network", "mount", "ipc", "uts", "cgroup", "time")]
MAP = [{"containerID": 0, "hostID": 1000, "size": 10}]


def config(**sections: Any) -> dict[str, Any]:
    """A config without a problem, with sections replaced; those of `linux` are given as linux_NAME."""
    made: dict[str, Any] = {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"cwd": "/", "args": ["sh"], "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": copy.deepcopy(EVERY_NAMESPACE)},
    }
    for name, value in sections.items():
        if name.startswith("linux_"):
            made["linux"][name.removeprefix("linux_")] = value
        elif name.startswith("process_"):
            made["process"][name.removeprefix("process_")] = value
        elif name.startswith("resources_"):
            made["linux"].setdefault("resources", {})[name.removeprefix("resources_")] = value
        else:
            made[name] = value
    return made


def without(name: str) -> dict[str, Any]:
    made = config()
    del made[name]
    return made


def namespaces_but(*kinds: str, **more: str) -> list[dict[str, str]]:
    return [n for n in EVERY_NAMESPACE if n["type"] not in kinds] + [
        {"type": kind, "path": path} for kind, path in more.items()
    ]


def mount(**fields: Any) -> dict[str, Any]:
    return config(mounts=[{"destination": "/data", **fields}])


def rlimit(soft: int, hard: int, kind: str = "RLIMIT_CORE") -> dict[str, Any]:
    return {"type": kind, "soft": soft, "hard": hard}


def mapped(**sections: Any) -> dict[str, Any]:
    given = {"linux_uidMappings": MAP, "linux_gidMappings": MAP, **sections}
    return config(linux_namespaces=[*EVERY_NAMESPACE, {"type": "user"}], **given)


def mapping(container_id: int, host_id: int, size: int) -> dict[str, int]:
    return {"containerID": container_id, "hostID": host_id, "size": size}


def seccomp(**fields: Any) -> dict[str, Any]:
    return config(linux_seccomp={"defaultAction": "SCMP_ACT_ALLOW", **fields})


def device(**fields: Any) -> dict[str, Any]:
    return {"path": "/dev/x", "type": "c", "major": 1, "minor": 3, **fields}


NOTIFY = [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]

# rule, config, where it finds something
REFUSED = [
    (
        "namespace_types_differ",
        config(linux_namespaces=[*EVERY_NAMESPACE, {"type": "ipc"}]),
        "/linux/namespaces/7/type",
    ),
    ("host_name_needs_uts_namespace", config(hostname="x", linux_namespaces=namespaces_but("uts")), "/hostname"),
    ("host_name_needs_uts_namespace", config(domainname="x", linux_namespaces=namespaces_but("uts")), "/domainname"),
    ("host_name_fits", config(hostname="x" * 65), "/hostname"),
    ("mappings_need_user_namespace", config(linux_uidMappings=MAP), "/linux/uidMappings"),
    ("mappings_need_user_namespace", config(linux_gidMappings=MAP), "/linux/gidMappings"),
    ("user_namespace_needs_mappings", mapped(linux_uidMappings=[]), "/linux/uidMappings"),
    ("user_namespace_needs_mappings", mapped(linux_gidMappings=[]), "/linux/gidMappings"),
    (
        "mappings_are_possible",
        mapped(linux_uidMappings=[mapping(0, 0, 1), mapping(1, 1, 0)]),
        "/linux/uidMappings/1/size",
    ),
    (
        "mappings_are_possible",
        mapped(linux_gidMappings=[mapping(0, 0, 9), mapping(9, 8, 2)]),
        "/linux/gidMappings/1/hostID",
    ),
    (
        "mappings_are_possible",
        mapped(linux_gidMappings=[mapping(0, 0, 9), mapping(8, 20, 2)]),
        "/linux/gidMappings/1/containerID",
    ),
    (
        "mappings_are_possible",
        mapped(linux_uidMappings=[mapping(0, 2**32 - 1, 1)]),
        "/linux/uidMappings/0/hostID",
    ),
    (
        "mappings_are_possible",
        mapped(linux_uidMappings=[mapping(n, n, 1) for n in range(341)]),
        "/linux/uidMappings",
    ),
    ("labels_fit", config(process_selinuxLabel="x" * 4096), "/process/selinuxLabel"),
    ("labels_fit", config(process_apparmorProfile="x" * 4091), "/process/apparmorProfile"),
    ("paths_fit", config(root={"path": "x/" * 2048}), "/root/path"),
    ("paths_fit", mount(destination="/" + "x" * 256), "/mounts/0/destination"),
    ("paths_fit", config(hooks={"poststop": [{"path": "/" + "x/" * 2048}]}), "/hooks/poststop/0/path"),
    ("process_ids_are_mapped", mapped(process_user={"uid": 10, "gid": 0}), "/process/user/uid"),
    ("process_ids_are_mapped", mapped(process_user={"uid": 9, "gid": 10}), "/process/user/gid"),
    (
        "process_ids_are_mapped",
        mapped(process_user={"uid": 0, "gid": 0, "additionalGids": [1, 11]}),
        "/process/user/additionalGids/1",
    ),
    ("paths_need_mount_namespace", config(linux_namespaces=[], linux_maskedPaths=["/proc/x"]), "/linux/maskedPaths"),
    ("paths_need_mount_namespace", config(linux_namespaces=[], linux_readonlyPaths=["/x"]), "/linux/readonlyPaths"),
    (
        "paths_need_mount_namespace",
        config(linux_namespaces=[], linux_rootfsPropagation="slave"),
        "/linux/rootfsPropagation",
    ),
    ("root_is_given", without("root"), "/root"),
    ("root_is_given", config(root={"path": ""}), "/root/path"),
    ("destination_is_given", config(mounts=[{"destination": ""}]), "/mounts/0/destination"),
    ("destination_is_not_the_root", config(mounts=[{"destination": "/", "source": "/x"}]), "/mounts/0/destination"),
    ("destination_is_not_the_root", config(mounts=[{"destination": "/a/..", "type": "proc"}]), "/mounts/0/destination"),
    ("bind_mount_has_source", mount(options=["rbind"]), "/mounts/0/source"),
    ("bind_mount_has_source", mount(source="", options=["bind"]), "/mounts/0/source"),
    ("mount_mappings_are_a_pair", mount(uidMappings=MAP), "/mounts/0/gidMappings"),
    ("mount_mappings_are_a_pair", mount(gidMappings=MAP), "/mounts/0/uidMappings"),
    (
        "mount_mappings_are_a_pair",
        mount(uidMappings=MAP, gidMappings=[mapping(0, 0, 0)]),
        "/mounts/0/gidMappings/0/size",
    ),
    ("idmap_has_mappings", mount(options=["idmap"]), "/mounts/0/uidMappings"),
    ("args_are_given", config(process_args=[]), "/process/args"),
    ("args_are_given", config(process={"cwd": "/"}), "/process/args"),
    ("env_names_values", config(process_env=["A=b", "PATH"]), "/process/env/1"),
    ("env_names_values", config(process_env=["=b"]), "/process/env/0"),
    (
        "console_size_fits",
        config(process_terminal=True, process_consoleSize={"height": 1, "width": 65536}),
        "/process/consoleSize/width",
    ),
    ("rlimit_types_differ", config(process_rlimits=[rlimit(1, 1), rlimit(2, 2)]), "/process/rlimits/1/type"),
    ("soft_rlimit_is_below_hard", config(process_rlimits=[rlimit(2, 1)]), "/process/rlimits/0/soft"),
    ("no_windows_properties", config(process_commandLine="cmd /c"), "/process/commandLine"),
    ("strings_can_be_passed_on", config(process_args=["a" * (1 << 17)]), "/process/args/0"),
    ("strings_can_be_passed_on", config(process_args=["ä" * (1 << 16)]), "/process/args/0"),
    ("strings_can_be_passed_on", config(process_env=["A=1", "B=" + "b" * (1 << 17)]), "/process/env/1"),
    ("strings_can_be_passed_on", config(process_cwd="/" + "x" * 4095), "/process/cwd"),
    (
        "groups_fit",
        config(process_user={"uid": 0, "gid": 0, "additionalGids": [1] * 65537}),
        "/process/user/additionalGids",
    ),
    (
        "groups_fit",
        config(process_user={"uid": 0, "gid": 0, "additionalGids": [1, (1 << 32) - 1]}),
        "/process/user/additionalGids/1",
    ),
    ("groups_fit", config(process_user={"uid": (1 << 32) - 1, "gid": 0}), "/process/user/uid"),
    ("groups_fit", config(process_user={"uid": 0, "gid": (1 << 32) - 1}), "/process/user/gid"),
    ("host_name_fits", config(domainname="ä" * 33), "/domainname"),
    (
        "mappings_are_possible",
        mapped(linux_uidMappings=[mapping(0, 1, 1), *(mapping(10**9 + n, 10**9 + n, 1) for n in range(200))]),
        "/linux/uidMappings",
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1023, "deadline": 2000}),
        "/process/scheduler/runtime",
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 2000, "period": 1 << 63}),
        "/process/scheduler/period",
    ),
    (
        "sysctl_is_the_containers",
        config(domainname="a", linux_sysctl={"kernel.domainname": "b"}),
        "/linux/sysctl/kernel.domainname",
    ),
    (
        "sysctl_is_the_containers",
        config(linux_sysctl={"user.max_user_namespaces": "1"}),
        "/linux/sysctl/user.max_user_namespaces",
    ),
    ("scheduler_fits_policy", config(process_scheduler={"policy": "SCHED_FIFO"}), "/process/scheduler/priority"),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_BATCH", "priority": 1}),
        "/process/scheduler/priority",
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_OTHER", "nice": 20}),
        "/process/scheduler/nice",
    ),
    ("scheduler_fits_policy", config(process_scheduler={"policy": "SCHED_DEADLINE"}), "/process/scheduler"),
    *(
        (
            "scheduler_fits_policy",
            config(process_scheduler={"policy": policy, "nice": 1, "priority": 5 if policy == "SCHED_RR" else 0}),
            "/process/scheduler/nice",
        )
        for policy in ("SCHED_RR", "SCHED_IDLE")
    ),
    *(
        (
            "scheduler_flags_have_an_effect",
            config(process_scheduler={"policy": "SCHED_OTHER", "nice": 1, "flags": ["SCHED_FLAG_RESET_ON_FORK", flag]}),
            "/process/scheduler/flags/1",
        )
        for flag in (
            "SCHED_FLAG_RECLAIM",
            "SCHED_FLAG_DL_OVERRUN",
            "SCHED_FLAG_UTIL_CLAMP_MIN",
            "SCHED_FLAG_UTIL_CLAMP_MAX",
            "SCHED_FLAG_KEEP_PARAMS",
        )
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_OTHER", "period": 1}),
        "/process/scheduler/period",
    ),
    ("affinity_is_a_list", config(process_execCPUAffinity={"initial": "3-1"}), "/process/execCPUAffinity/initial"),
    (
        "device_has_numbers",
        config(linux_devices=[{"path": "/dev/x", "type": "c", "minor": 1}]),
        "/linux/devices/0/major",
    ),
    ("device_has_numbers", config(linux_devices=[device(minor=1 << 20)]), "/linux/devices/0/minor"),
    ("device_mode_is_of_its_type", config(linux_devices=[device(fileMode=0o060666)]), "/linux/devices/0/fileMode"),
    ("device_lies_in_a_folder", config(linux_devices=[device(path="/")]), "/linux/devices/0/path"),
    ("device_lies_in_a_folder", config(linux_devices=[device(path="/dev/..")]), "/linux/devices/0/path"),
    (
        "listener_path_fits",
        config(linux_seccomp={"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/" + "x" * 107}),
        "/linux/seccomp/listenerPath",
    ),
    ("device_paths_differ", config(linux_devices=[device(), device(minor=5)]), "/linux/devices/1/path"),
    (
        "sysctl_is_the_containers",
        config(linux_sysctl={"vm.overcommit_memory": "1"}),
        "/linux/sysctl/vm.overcommit_memory",
    ),
    ("sysctl_is_the_containers", config(linux_sysctl={"kernel.hostname": "x"}), "/linux/sysctl/kernel.hostname"),
    (
        "sysctl_has_one_value",
        config(linux_sysctl={"net.ipv4.ip_forward": "1", "net/ipv4/ip_forward": "0"}),
        "/linux/sysctl/net~1ipv4~1ip_forward",
    ),
    ("sysctl_is_the_containers", config(linux_sysctl={"net.//.x": "1"}), "/linux/sysctl/net.~1~1.x"),
    ("sysctl_is_the_containers", config(linux_sysctl={"net/../vm/x": "1"}), "/linux/sysctl/net~1..~1vm~1x"),
    (
        "sysctl_is_the_containers",
        config(linux_sysctl={"kernel.sem": "1"}, linux_namespaces=namespaces_but("ipc")),
        "/linux/sysctl/kernel.sem",
    ),
    (
        "sysctl_is_the_containers",
        config(linux_sysctl={"fs.mqueue.queues_max": "1"}, linux_namespaces=namespaces_but("ipc")),
        "/linux/sysctl/fs.mqueue.queues_max",
    ),
    (
        "sysctl_is_the_containers",
        config(linux_sysctl={"net/ipv4/ip_forward": "1"}, linux_namespaces=namespaces_but("network")),
        "/linux/sysctl/net~1ipv4~1ip_forward",
    ),
    (
        "sysctl_is_the_containers",
        config(linux_sysctl={"kernel.domainname": "x"}, linux_namespaces=namespaces_but("uts")),
        "/linux/sysctl/kernel.domainname",
    ),
    (
        "time_offsets_need_new_time_namespace",
        config(linux_timeOffsets={"boottime": {}}, linux_namespaces=namespaces_but("time")),
        "/linux/timeOffsets",
    ),
    (
        "time_offsets_need_new_time_namespace",
        config(linux_timeOffsets={"boottime": {}}, linux_namespaces=namespaces_but("time", time="/x")),
        "/linux/timeOffsets",
    ),
    ("time_offsets_need_new_time_namespace", config(linux_timeOffsets={"realtime": {}}), "/linux/timeOffsets/realtime"),
    (
        "time_offsets_need_new_time_namespace",
        config(linux_timeOffsets={"monotonic": {"nanosecs": 10**9}}),
        "/linux/timeOffsets/monotonic/nanosecs",
    ),
    (
        "net_devices_can_move",
        config(linux_netDevices={"eth0": {}}, linux_namespaces=namespaces_but("network")),
        "/linux/netDevices",
    ),
    ("net_devices_can_move", config(linux_netDevices={"a/b": {"name": "x"}}), "/linux/netDevices/a~1b"),
    ("net_devices_can_move", config(linux_netDevices={"eth0": {"name": "x" * 16}}), "/linux/netDevices/eth0/name"),
    (
        "net_devices_can_move",
        config(linux_netDevices={"eth0": {"name": "x"}, "eth1": {"name": "x"}}),
        "/linux/netDevices/eth1/name",
    ),
    ("cgroups_path_stays_below", config(linux_cgroupsPath="/a/../../b"), "/linux/cgroupsPath"),
    (
        "personality_has_no_flags",
        config(linux_personality={"domain": "LINUX", "flags": ["ADDR_NO_RANDOMIZE"]}),
        "/linux/personality/flags",
    ),
    ("class_of_service_is_a_name", config(linux_intelRdt={"closID": "a/b"}), "/linux/intelRdt/closID"),
    ("class_of_service_is_a_name", config(linux_intelRdt={"closID": ".."}), "/linux/intelRdt/closID"),
    (
        "memory_policy_fits_mode",
        config(linux_memoryPolicy={"mode": "MPOL_DEFAULT", "nodes": "0"}),
        "/linux/memoryPolicy/nodes",
    ),
    ("memory_policy_fits_mode", config(linux_memoryPolicy={"mode": "MPOL_BIND"}), "/linux/memoryPolicy/nodes"),
    (
        "memory_policy_fits_mode",
        config(linux_memoryPolicy={"mode": "MPOL_BIND", "nodes": "zero"}),
        "/linux/memoryPolicy/nodes",
    ),
    (
        "memory_policy_fits_mode",
        config(
            linux_memoryPolicy={
                "mode": "MPOL_BIND",
                "nodes": "0",
                "flags": ["MPOL_F_STATIC_NODES", "MPOL_F_RELATIVE_NODES"],
            }
        ),
        "/linux/memoryPolicy/flags",
    ),
    ("listener_metadata_needs_listener", seccomp(listenerMetadata="x"), "/linux/seccomp/listenerMetadata"),
    ("notify_needs_listener", seccomp(syscalls=NOTIFY), "/linux/seccomp/listenerPath"),
    ("errno_has_an_action", seccomp(defaultErrnoRet=1), "/linux/seccomp/defaultErrnoRet"),
    (
        "errno_has_an_action",
        seccomp(syscalls=[{"names": ["mkdir"], "action": "SCMP_ACT_KILL", "errnoRet": 1}]),
        "/linux/seccomp/syscalls/0/errnoRet",
    ),
    ("burst_is_below_quota", config(resources_cpu={"quota": 1, "burst": 2}), "/linux/resources/cpu/burst"),
    ("swap_includes_memory", config(resources_memory={"limit": 2, "swap": 1}), "/linux/resources/memory/swap"),
    ("swap_includes_memory", config(resources_memory={"swap": 1}), "/linux/resources/memory/limit"),
    (
        "weight_device_has_weight",
        config(resources_blockIO={"weightDevice": [{"major": 8, "minor": 0}]}),
        "/linux/resources/blockIO/weightDevice/0/weight",
    ),
    ("rdma_has_limit", config(resources_rdma={"mlx5_1": {}}), "/linux/resources/rdma/mlx5_1"),
    ("unified_names_files", config(resources_unified={"a/b": ""}), "/linux/resources/unified/a~1b"),
    ("unified_names_files", config(resources_unified={"..": ""}), "/linux/resources/unified/.."),
    (
        "page_sizes_differ",
        config(resources_hugepageLimits=[{"pageSize": "2MB", "limit": 1}] * 2),
        "/linux/resources/hugepageLimits/1/pageSize",
    ),
    ("idmap_has_mappings", mount(options=["ridmap"]), "/mounts/0/uidMappings"),
    ("swap_includes_memory", config(resources_memory={"limit": -1, "swap": 1}), "/linux/resources/memory/limit"),
    ("unified_names_files", config(resources_unified={".": ""}), "/linux/resources/unified/."),
    *(
        (
            "scheduler_fits_policy",
            config(process_scheduler={"policy": "SCHED_OTHER", name: 1}),
            f"/process/scheduler/{name}",
        )
        for name in ("runtime", "deadline")
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 1}),
        "/process/scheduler/runtime",
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1}),
        "/process/scheduler",
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_DEADLINE", "deadline": 2000}),
        "/process/scheduler",
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_RR", "priority": 100}),
        "/process/scheduler/priority",
    ),
    (
        "scheduler_flags_have_an_effect",
        config(process_scheduler={"policy": "SCHED_RR", "priority": 1, "flags": ["SCHED_FLAG_KEEP_PARAMS"]}),
        "/process/scheduler/flags/0",
    ),
    ("unified_names_files", config(resources_unified={"": ""}), "/linux/resources/unified/"),
    ("sysctl_is_the_containers", config(linux_sysctl={"net..x": "1"}), "/linux/sysctl/net..x"),
    (
        "memory_policy_fits_mode",
        config(linux_memoryPolicy={"mode": "MPOL_BIND", "nodes": " "}),
        "/linux/memoryPolicy/nodes",
    ),
    (
        "process_ids_are_mapped",
        mapped(linux_uidMappings=[mapping(1, 1000, 9)], process_user={"gid": 0}),
        "/process/user/uid",
    ),
    ("unified_names_files", config(resources_unified={"~/": ""}), "/linux/resources/unified/~0~1"),
    ("device_paths_differ", config(linux_devices=[device(), device(major=2)]), "/linux/devices/1/path"),
    ("device_paths_differ", config(linux_devices=[device(), device(type="b")]), "/linux/devices/1/path"),
    ("sysctl_is_the_containers", config(linux_sysctl={"net/./x": "1"}), "/linux/sysctl/net~1.~1x"),
    *(
        ("net_devices_can_move", config(linux_netDevices={"eth0": {"name": name}}), "/linux/netDevices/eth0/name")
        for name in (".", "..", "a:b", "a/b", "a b", "a\u2003b")
    ),
    *(
        ("memory_policy_fits_mode", config(linux_memoryPolicy={"mode": mode, **field}), f"/linux/memoryPolicy/{name}")
        for mode in ("MPOL_DEFAULT", "MPOL_LOCAL")
        for name, field in (("nodes", {"nodes": "0"}), ("flags", {"flags": ["MPOL_F_STATIC_NODES"]}))
    ),
    *(
        (
            "scheduler_fits_policy",
            config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1024, **times}),
            f"/process/scheduler{place}",
        )
        for place, times in (
            ("", {}),
            ("", {"deadline": 1023}),
            ("", {"deadline": 2000, "period": 1999}),
            ("/deadline", {"deadline": 1 << 63}),
        )
    ),
    (
        "scheduler_fits_policy",
        config(process_scheduler={"policy": "SCHED_OTHER", "nice": -21}),
        "/process/scheduler/nice",
    ),
    *(
        ("strings_can_be_passed_on", config(hooks={"poststop": [{"path": "/x", name: ["ä" * (1 << 16)]}]}), place)
        for name, place in (("args", "/hooks/poststop/0/args/0"), ("env", "/hooks/poststop/0/env/0"))
    ),
]

ACCEPTED = [
    config(),
    without("process"),
    {"ociVersion": "1.0.0", "root": {"path": "/"}},
    config(hostname="x", linux_namespaces=namespaces_but("uts", uts="/proc/1/ns/uts")),
    config(hostname="", linux_namespaces=[]),
    config(linux_namespaces=[], linux_maskedPaths=[], linux_uidMappings=[]),
    mapped(linux_uidMappings=[mapping(0, 1000, 1), mapping(1, 100000, 65536)]),
    mapped(linux_uidMappings=[mapping(0, 0, 2**32 - 1)]),
    # containerd gives both; that they are the same only the kernel can tell
    config(
        linux_namespaces=[*EVERY_NAMESPACE, {"type": "user", "path": "/x"}],
        linux_uidMappings=MAP,
        linux_gidMappings=MAP,
        process_user={"uid": 77, "gid": 77},
    ),
    mount(source="x", options=["rbind", "ro"]),
    mount(options=["remount", "bind", "ro"]),
    mount(uidMappings=MAP, gidMappings=MAP, options=["idmap"]),
    mapped(mounts=[{"destination": "/x", "options": ["ridmap"]}]),
    config(process_env=["A=", "B==", "ÄÖ=x"]),
    config(process_consoleSize={"height": 1 << 20, "width": 1}),
    config(process_rlimits=[rlimit(1, 1), rlimit(1, 2, "RLIMIT_CPU")]),
    config(process_args=["a" * ((1 << 17) - 1)], process_cwd="/" + "x" * 4094),
    config(process_user={"uid": (1 << 32) - 2, "gid": 0, "additionalGids": [1] * 65536}),
    config(hostname="ä" * 32, domainname="x" * 64),
    mapped(linux_uidMappings=[mapping(number, 1000 + number, 1) for number in range(340)]),
    config(domainname="a", linux_sysctl={"kernel.domainname": "a"}),
    mapped(linux_sysctl={"user.max_user_namespaces": "1"}),
    config(process_scheduler={"policy": "SCHED_RR", "priority": 99}),
    config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 2000, "period": 3000}),
    config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1024, "deadline": 2000}),
    *(
        config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 1024, **times})
        for times in (
            {"deadline": (1 << 63) - 1, "period": (1 << 63) - 1},
            {"deadline": 1024, "flags": ["SCHED_FLAG_RECLAIM", "SCHED_FLAG_DL_OVERRUN"]},
        )
    ),
    config(process_execCPUAffinity={"initial": "0-3, 7", "final": ""}),
    config(linux_devices=[device(), device(), {"path": "/dev/pipe", "type": "p"}]),
    config(linux_devices=[device(fileMode=0o020666), device(type="b", path="/dev/b", fileMode=0o060600)]),
    config(linux_sysctl={"net.ipv4.conf.eth0/100.x": "1", "kernel.shmmax": "1", "kernel.domainname": "x"}),
    config(linux_sysctl={"net/ipv4/conf/eth0.100/x": "1", "fs.mqueue.msg_max": "1"}),
    config(linux_timeOffsets={"monotonic": {"secs": -1, "nanosecs": 999_999_999}}),
    config(linux_netDevices={"eth0": {"name": "dev%d"}, "eth1": {"name": "dev%d"}, "eth2": {}}),
    config(linux_cgroupsPath="system.slice:pyoci:abc..def"),
    config(linux_intelRdt={"closID": "/"}),
    config(linux_memoryPolicy={"mode": "MPOL_PREFERRED"}),
    config(linux_memoryPolicy={"mode": "MPOL_INTERLEAVE", "nodes": "0-1,3"}),
    seccomp(listenerMetadata="x", listenerPath="/s", syscalls=NOTIFY),
    config(linux_seccomp={"defaultAction": "SCMP_ACT_TRACE", "defaultErrnoRet": 38}),
    config(linux_devices=[device(major=4095, minor=(1 << 20) - 1), device(path="/dev/z", major=0, minor=0)]),
    config(linux_sysctl={"kernel.domainname": "x" * 64}),
    config(domainname="", linux_sysctl={"kernel.domainname": "a"}),
    config(linux_intelRdt={"closID": "a.b"}),
    mount(source="x" * 200, options=["bind"]),
    mapped(process_user={}),
    config(resources_cpu={"quota": 0, "burst": 2}),
    config(resources_cpu={"quota": -1, "burst": 2}),
    config(resources_memory={"limit": 2, "swap": -1}),
    config(resources_memory={"limit": 2, "swap": 2}),
    config(resources_blockIO={"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 10}]}),
    config(resources_rdma={"x": {"hcaObjects": 0}}),
    config(resources_unified={"io.max": "x", "hugetlb.1GB.max": "1"}),
    config(process_scheduler={"policy": "SCHED_OTHER", "nice": 19}),
    config(process_scheduler={"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_KEEP_PARAMS", "SCHED_FLAG_KEEP_POLICY"]}),
    config(process_scheduler={"policy": "SCHED_IDLE", "nice": 0}),
    config(process_scheduler={"policy": "SCHED_BATCH", "nice": -20}),
    config(process_args=["ä" * 65535 + "a"], hooks={"poststop": [{"path": "/x", "args": ["a" * ((1 << 17) - 1)]}]}),
    config(linux_netDevices={"X0": {"name": "x" * 15}}),
    config(mounts=[{"destination": "/", "options": ["rslave"]}]),
    config(mounts=[{"destination": "/", "type": "", "options": ["rslave"]}]),
    config(mounts=[{"destination": "/", "type": "proc", "options": ["remount", "ro"]}]),
    config(resources_cpu={"burst": 2}),
    config(root={"path": "/" + "x" * 255}, linux_maskedPaths=["/" + "ä" * 127]),
    mount(source="x" * 300, type="overlay"),
    config(process_scheduler={"policy": "SCHED_FIFO", "priority": 1}),
    config(process_scheduler={"policy": "SCHED_DEADLINE", "runtime": 2000, "deadline": 2000, "period": 2000}),
    config(mounts=[{"destination": "/", "type": "none", "options": ["rslave"]}]),
]

WARNED = [
    ("annotations_are_known", config(annotations={"run.oci.handler": "krun"}), "/annotations/run.oci.handler"),
    ("destination_is_absolute", config(mounts=[{"destination": "proc"}]), "/mounts/0/destination"),
    (
        "mounts_have_mount_namespace",
        config(linux_namespaces=[], mounts=[{"destination": "/x"}]),
        "/mounts",
    ),
    ("mappings_say_idmap", mount(uidMappings=MAP, gidMappings=MAP), "/mounts/0/options"),
    ("prestart_is_deprecated", config(hooks={"prestart": [{"path": "/x"}]}), "/hooks/prestart"),
    ("console_size_has_terminal", config(process_consoleSize={"height": 1, "width": 1}), "/process/consoleSize"),
    ("kernel_memory_is_limited", config(resources_memory={"kernel": 9}), "/linux/resources/memory/kernel"),
    (
        "console_size_is_complete",
        config(process_terminal=True, process_consoleSize={"height": 5}),
        "/process/consoleSize/width",
    ),
    ("user_is_complete", config(process_user={"gid": 0}), "/process/user/uid"),
    ("user_is_complete", config(process_user={"uid": 0}), "/process/user/gid"),
    ("user_has_no_name", config(process_user={"uid": 0, "gid": 0, "username": "x"}), "/process/user/username"),
    (
        "io_priority_is_complete",
        config(process_ioPriority={"class": "IOPRIO_CLASS_BE"}),
        "/process/ioPriority/priority",
    ),
    ("pids_have_a_limit", config(linux_resources={"pids": {}}), "/linux/resources/pids/limit"),
    ("devices_differ", config(linux_devices=[device(), device(path="/dev/y")]), "/linux/devices/1"),
    ("cache_schema_is_one_line", config(linux_intelRdt={"l3CacheSchema": "MB:0=1"}), "/linux/intelRdt/l3CacheSchema"),
    ("monitoring_has_its_new_name", config(linux_intelRdt={"enableCMT": True}), "/linux/intelRdt/enableCMT"),
    ("monitoring_has_its_new_name", config(linux_intelRdt={"enableMBM": True}), "/linux/intelRdt/enableMBM"),
    (
        "devices_differ",
        config(linux_devices=[device(), device(path="/dev/y", type="u")]),
        "/linux/devices/1",
    ),
    ("mappings_say_idmap", mount(uidMappings=MAP, gidMappings=MAP, options=["ro"]), "/mounts/0/options"),
]
NOT_WARNED = [
    mount(uidMappings=MAP, gidMappings=MAP, options=["idmap"]),
    mount(uidMappings=MAP, gidMappings=MAP, options=["ridmap"]),
    config(process_ioPriority={"class": "IOPRIO_CLASS_BE", "priority": 0}),
    config(linux_resources={"pids": {"limit": 0}}),
    config(linux_devices=[device(), device(path="/dev/y", minor=4), device(path="/dev/z", type="b")]),
    config(linux_intelRdt={"l3CacheSchema": "L3:0=f", "enableMonitoring": True}),
    config(process_terminal=True, process_consoleSize={"height": 1, "width": 1}),
    config(linux_namespaces=[], mounts=[]),
]


def ids(cases: list[tuple[str, dict[str, Any], str]]) -> list[str]:
    return [f"{name}-{place}" for name, _, place in cases]


@pytest.mark.parametrize(("name", "document", "place"), REFUSED, ids=ids(REFUSED))
def test_rule_refuses(name: str, document: dict[str, Any], place: str) -> None:
    check_document(document, "config")
    rule = next(rule for rule in ALL if rule.__name__ == name)
    assert [found for found, _, _ in rule(document)] == [place]
    told = [line.partition(": ")[0] for line in rules.check(document)]
    assert told == [place], "is the section in _LINUX_SECTIONS or _RESOURCES of spec/rules/__init__.py?"


def test_the_sections_that_load_more_rules_are_those_of_the_cases() -> None:
    """One too many would load rules that have nothing to look at."""
    names = {rule.__name__ for rule in (*linux.RULES, *resources.RULES)}
    places = [place.split("/")[1:] for name, _, place in REFUSED if name in names]
    assert {place[1] for place in places if place[1] != "resources"} == {*rules._LINUX_SECTIONS}
    assert {place[2] for place in places if place[1] == "resources"} == {*rules._RESOURCES}


@pytest.mark.parametrize("document", ACCEPTED, ids=range(len(ACCEPTED)))
def test_rules_accept(document: dict[str, Any]) -> None:
    check_document(document, "config")
    assert rules.check(document) == []


@pytest.mark.parametrize(("name", "document", "place"), WARNED, ids=ids(WARNED))
def test_advice(name: str, document: dict[str, Any], place: str) -> None:
    rule = next(rule for rule in advice.RULES if rule.__name__ == name)
    assert [found for found, _, _ in rule(document)] == [place]
    assert [line.partition(": ")[0] for line in rules.warnings(document)] == [place]
    assert rules.check(document) == []


def test_advice_that_many_values_get_is_one_line() -> None:
    null = {"type": "c", "major": 1, "minor": 3}
    devices = [{**null, "path": f"/dev/null{number}"} for number in range(500)]
    document = config(linux={"devices": devices}, mounts=[{"destination": "tmp"}, {"destination": "/data"}])
    assert len(rules.warnings(document)) == 500 + 1  # `validate` has all of them
    relative, repeated = sorted(
        line for line in rules.first_warnings(document) if line.startswith(("/linux/devices", "/mounts/"))
    )[::-1]
    assert repeated == "/linux/devices/1: should not repeat a device (498 more: see `pyoci validate`)"
    assert relative == next(line for line in rules.warnings(document) if line.startswith("/mounts/0/destination"))


@pytest.mark.parametrize("document", NOT_WARNED, ids=range(len(NOT_WARNED)))
def test_advice_is_silent(document: dict[str, Any]) -> None:
    check_document(document, "config")
    assert rules.warnings(document) == []


def test_rules_in_words() -> None:
    """What each case above is told."""
    told = [rules.check(document)[0] for _, document, _ in REFUSED]
    told += [rules.warnings(document)[0] for _, document, _ in WARNED]
    file = Path(__file__).with_name("rules_in_words.txt")
    text = "".join(f"{line}\n" for line in told)
    golden.assert_golden(text, file)


@pytest.mark.parametrize("rule", [*ALL, *advice.RULES], ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(
    "empty", [(), ("linux",), ("process",), ("linux", "process", "mounts", "hooks", "annotations")]
)
def test_a_rule_stands_missing_and_empty_sections(rule: Any, empty: tuple[str, ...]) -> None:
    document: dict[str, Any] = {name: [] if name == "mounts" else {} for name in empty}
    places = [place for place, _, _ in rule(document)]
    assert set(places) <= {
        "/root",
        "/process/args",
        "/process/cwd",
        "/root/path",
        "/process/user/uid",
        "/process/user/gid",
    }


def test_a_config_that_its_schema_refuses_is_checked_by_all_other_rules() -> None:
    """One rule stops at the value that it cannot read, and those behind it go on, those of sections, too."""
    document = config(process_args=[], process_rlimits=[rlimit(2, 1)], mounts=7, linux_rootfsPropagation=7)
    document["linux"]["sysctl"] = {"vm.overcommit_memory": "1"}
    document["linux"]["resources"] = {"cpu": {"quota": 1, "burst": 2}}
    assert [line.partition(": ")[0] for line in rules.check_what_can_be(document)] == [
        "/process/args",
        "/process/rlimits/0/soft",
        "/linux/sysctl/vm.overcommit_memory",
        "/linux/resources/cpu/burst",
    ]


def test_all_that_is_checked_where_a_section_is_nothing_to_look_into() -> None:
    document = config(process_args=[])
    document["linux"] = 7
    assert "/process/args" in [line.partition(": ")[0] for line in rules.check_what_can_be(document)]


LONG = "/" + "x" * 256


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (config(root={"path": LONG}), "/root/path"),
        (mount(destination=LONG), "/mounts/0/destination"),
        (mount(source=LONG, options=["bind"]), "/mounts/0/source"),
        (mount(source=LONG, type="bind", options=["bind"]), "/mounts/0/source"),
        (mount(source=LONG, type="none", options=["bind"]), "/mounts/0/source"),
        (mount(source="x/" * 2048, type="overlay"), "/mounts/0/source"),
        (config(linux_maskedPaths=["/a", LONG]), "/linux/maskedPaths/1"),
        (config(linux_readonlyPaths=["/a", LONG]), "/linux/readonlyPaths/1"),
        (config(linux_devices=[device(path=LONG)]), "/linux/devices/0/path"),
        (config(linux_namespaces=[{"type": "mount"}, {"type": "uts", "path": LONG}]), "/linux/namespaces/1/path"),
        (config(hooks={"createRuntime": [{"path": "/a"}, {"path": LONG}]}), "/hooks/createRuntime/1/path"),
    ],
)
def test_each_path_of_a_config_is_measured(document: dict[str, Any], place: str) -> None:
    check_document(document, "config")
    assert [line.partition(": ")[0] for line in rules.check(document)] == [place]


def test_every_mapping_that_overlaps_is_named_once_for_each_side() -> None:
    """By the first one that it overlaps; those behind it are looked at, too."""
    document = mapped(linux_uidMappings=[mapping(0, 0, 9), mapping(1, 1, 9), mapping(2, 2, 9)])
    assert [line.partition(": ")[0] for line in rules.check(document)] == [
        f"/linux/uidMappings/{index}/{side}" for index in (1, 2) for side in ("containerID", "hostID")
    ]


def test_every_rule_has_a_case() -> None:
    assert {name for name, _, _ in REFUSED} == {rule.__name__ for rule in ALL}
    assert {name for name, _, _ in WARNED} == {rule.__name__ for rule in advice.RULES}


def test_every_rule_cites_its_sentence() -> None:
    assert all(rule.__doc__ for rule in (*ALL, *advice.RULES))


def test_line_says_place_found_and_expected() -> None:
    assert rules.check(config(hostname="x", linux_namespaces=[])) == [
        '/hostname: needs a uts namespace in /linux/namespaces (it is "x")'
    ]
    assert rules.check(without("root")) == ["/root: is missing; it must be the container's root file system"]


def test_template_has_nothing_to_say() -> None:
    for document in (template.default("1.3.0"), template.rootless("1.3.0", 1000, 1000)):
        check_document(document, "config")
        assert rules.check(document) == []
        assert rules.warnings(document) == []


def test_process_alone() -> None:
    assert rules.check_process({"cwd": "/", "args": ["sh"]}) == []
    assert rules.check_process({"cwd": "/", "env": ["A"]}) == [
        "/args: is missing; it must have at least one entry, the program",
        '/env/0: must be NAME=value, not "A"',
    ]


def test_all_problems_are_told_at_once() -> None:
    document = config(hostname="x", linux_namespaces=[], process_cwd="tmp", process_rlimits=[rlimit(2, 1)])
    document["linux"]["sysctl"] = 7
    assert [line.partition(": ")[0] for line in all_problems(document)] == [
        "/linux/sysctl",
        "/process/cwd",
        "/hostname",
        "/process/rlimits/0/soft",
    ]


def resolve(name: str, reference: str) -> tuple[str, Any]:
    schema: Any = CONFIG
    for part in reference.partition("#/")[2].split("/"):
        schema = schema[part]
    return name, schema


@pytest.mark.thorough
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_rule_stumbles_over_what_the_schema_takes(data: st.DataObject) -> None:
    definitions: Any = CONFIG["definitions"]
    document = config(linux=data.draw(documents(definitions["linux"], resolve)))
    if data.draw(st.booleans()):
        document = config(process=data.draw(documents(definitions["process"], resolve)))
    try:
        check_document(document, "config")
    except ConfigError:
        assume(False)
    before = json.dumps(document)
    assert all(": " in line for line in rules.check(document) + rules.warnings(document))
    assert json.dumps(document) == before, "a rule changed the config"


@pytest.mark.thorough
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_all_problems_of_anything(data: st.DataObject) -> None:
    document = data.draw(documents(CONFIG, resolve))
    assert all(isinstance(line, str) for line in all_problems(document))


def test_annotations_that_are_applied_are_no_reason_for_a_warning() -> None:
    """Each annotation of crun's that the code reads, and no other."""
    package = Path(rules.__file__).resolve().parents[2]
    code = "".join(path.read_text() for path in package.rglob("*.py") if path.name not in ("advice.py", "features.py"))
    read = set(re.findall(r'"(run\.oci\.(?!crun)[\w.-]+\w)"', code))
    assert read == set(advice.APPLIED)
    assert not rules.warnings(config(annotations=dict.fromkeys(advice.APPLIED, "1")))
