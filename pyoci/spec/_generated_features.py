"""Made from schemas/ by hack/generate-checks: change those and run it again."""

# fmt: off
# mypy: ignore-errors
# ruff: noqa: RUF100, B007, C405, E501, I001, N806, PLR0915, RUF021, RUF060, SIM102
from __future__ import annotations

from pyoci.spec.patterns import Mismatch, is_capability_name


def check(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['ociVersionMin', 'ociVersionMax']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "ociVersionMin" in data_keys:
            data__ociVersionMin = data["ociVersionMin"]
            if not isinstance(data__ociVersionMin, (str)):
                raise Mismatch("" + name_prefix + ".ociVersionMin must be string")
        if "ociVersionMax" in data_keys:
            data__ociVersionMax = data["ociVersionMax"]
            if not isinstance(data__ociVersionMax, (str)):
                raise Mismatch("" + name_prefix + ".ociVersionMax must be string")
        if "hooks" in data_keys:
            data__hooks = data["hooks"]
            check_strings(data__hooks, name_prefix + ".hooks")
        if "mountOptions" in data_keys:
            data__mountOptions = data["mountOptions"]
            check_strings(data__mountOptions, name_prefix + ".mountOptions")
        if "annotations" in data_keys:
            data__annotations = data["annotations"]
            if not isinstance(data__annotations, (dict)):
                raise Mismatch("" + name_prefix + ".annotations must be object")
            data__annotations_is_dict = isinstance(data__annotations, dict)
            if data__annotations_is_dict:
                data__annotations_keys = data__annotations
                for data__annotations_key in data__annotations_keys:
                    if data__annotations_key not in []:
                        data__annotations_value = data__annotations.get(data__annotations_key)
                        if not isinstance(data__annotations_value, (str)):
                            raise Mismatch("" + name_prefix + ".annotations.{data__annotations_key}".format(**locals()) + " must be string")
                data__annotations_len = len(data__annotations)
                if data__annotations_len != 0:
                    data__annotations_property_names = True
                    for data__annotations_key in data__annotations:
                        try:
                            if isinstance(data__annotations_key, str):
                                data__annotations_key_len = len(data__annotations_key)
                                if data__annotations_key_len < 1:
                                    raise Mismatch("" + name_prefix + ".annotations must be longer than or equal to 1 characters")
                        except Mismatch:
                            data__annotations_property_names = False
                    if not data__annotations_property_names:
                        raise Mismatch("" + name_prefix + ".annotations must be named by propertyName definition")
        if "potentiallyUnsafeConfigAnnotations" in data_keys:
            data__potentiallyUnsafeConfigAnnotations = data["potentiallyUnsafeConfigAnnotations"]
            check_strings(data__potentiallyUnsafeConfigAnnotations, name_prefix + ".potentiallyUnsafeConfigAnnotations")
        if "linux" in data_keys:
            data__linux = data["linux"]
            if not isinstance(data__linux, (dict)):
                raise Mismatch("" + name_prefix + ".linux must be object")
            data__linux_is_dict = isinstance(data__linux, dict)
            if data__linux_is_dict:
                data__linux_keys = data__linux
                if "namespaces" in data__linux_keys:
                    data__linux__namespaces = data__linux["namespaces"]
                    if not isinstance(data__linux__namespaces, list):
                        raise Mismatch("" + name_prefix + ".linux.namespaces must be array")
                    data__linux__namespaces_is_list = isinstance(data__linux__namespaces, list)
                    if data__linux__namespaces_is_list:
                        data__linux__namespaces_len = len(data__linux__namespaces)
                        for data__linux__namespaces_x, data__linux__namespaces_item in enumerate(data__linux__namespaces):
                            if not isinstance(data__linux__namespaces_item, (str)):
                                raise Mismatch("" + name_prefix + ".linux.namespaces[{data__linux__namespaces_x}]".format(**locals()) + " must be string")
                            if data__linux__namespaces_item not in ('mount', 'pid', 'network', 'uts', 'ipc', 'user', 'cgroup', 'time',):
                                raise Mismatch("" + name_prefix + ".linux.namespaces[{data__linux__namespaces_x}]".format(**locals()) + " must be one of ['mount', 'pid', 'network', 'uts', 'ipc', 'user', 'cgroup', 'time']")
                if "capabilities" in data__linux_keys:
                    data__linux__capabilities = data__linux["capabilities"]
                    if not isinstance(data__linux__capabilities, list):
                        raise Mismatch("" + name_prefix + ".linux.capabilities must be array")
                    data__linux__capabilities_is_list = isinstance(data__linux__capabilities, list)
                    if data__linux__capabilities_is_list:
                        data__linux__capabilities_len = len(data__linux__capabilities)
                        for data__linux__capabilities_x, data__linux__capabilities_item in enumerate(data__linux__capabilities):
                            if not isinstance(data__linux__capabilities_item, (str)):
                                raise Mismatch("" + name_prefix + ".linux.capabilities[{data__linux__capabilities_x}]".format(**locals()) + " must be string")
                            if isinstance(data__linux__capabilities_item, str):
                                if not is_capability_name(data__linux__capabilities_item):
                                    raise Mismatch("" + name_prefix + ".linux.capabilities[{data__linux__capabilities_x}]".format(**locals()) + " must match pattern ^CAP_[A-Z_]+$")
                if "cgroup" in data__linux_keys:
                    data__linux__cgroup = data__linux["cgroup"]
                    if not isinstance(data__linux__cgroup, (dict)):
                        raise Mismatch("" + name_prefix + ".linux.cgroup must be object")
                    data__linux__cgroup_is_dict = isinstance(data__linux__cgroup, dict)
                    if data__linux__cgroup_is_dict:
                        data__linux__cgroup_keys = data__linux__cgroup
                        if "v1" in data__linux__cgroup_keys:
                            data__linux__cgroup__v1 = data__linux__cgroup["v1"]
                            if not isinstance(data__linux__cgroup__v1, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.cgroup.v1 must be boolean")
                        if "v2" in data__linux__cgroup_keys:
                            data__linux__cgroup__v2 = data__linux__cgroup["v2"]
                            if not isinstance(data__linux__cgroup__v2, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.cgroup.v2 must be boolean")
                        if "systemd" in data__linux__cgroup_keys:
                            data__linux__cgroup__systemd = data__linux__cgroup["systemd"]
                            if not isinstance(data__linux__cgroup__systemd, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.cgroup.systemd must be boolean")
                        if "systemdUser" in data__linux__cgroup_keys:
                            data__linux__cgroup__systemdUser = data__linux__cgroup["systemdUser"]
                            if not isinstance(data__linux__cgroup__systemdUser, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.cgroup.systemdUser must be boolean")
                        if "rdma" in data__linux__cgroup_keys:
                            data__linux__cgroup__rdma = data__linux__cgroup["rdma"]
                            if not isinstance(data__linux__cgroup__rdma, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.cgroup.rdma must be boolean")
                if "seccomp" in data__linux_keys:
                    data__linux__seccomp = data__linux["seccomp"]
                    if not isinstance(data__linux__seccomp, (dict)):
                        raise Mismatch("" + name_prefix + ".linux.seccomp must be object")
                    data__linux__seccomp_is_dict = isinstance(data__linux__seccomp, dict)
                    if data__linux__seccomp_is_dict:
                        data__linux__seccomp_keys = data__linux__seccomp
                        if "enabled" in data__linux__seccomp_keys:
                            data__linux__seccomp__enabled = data__linux__seccomp["enabled"]
                            if not isinstance(data__linux__seccomp__enabled, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.seccomp.enabled must be boolean")
                        if "actions" in data__linux__seccomp_keys:
                            data__linux__seccomp__actions = data__linux__seccomp["actions"]
                            if not isinstance(data__linux__seccomp__actions, list):
                                raise Mismatch("" + name_prefix + ".linux.seccomp.actions must be array")
                            data__linux__seccomp__actions_is_list = isinstance(data__linux__seccomp__actions, list)
                            if data__linux__seccomp__actions_is_list:
                                data__linux__seccomp__actions_len = len(data__linux__seccomp__actions)
                                for data__linux__seccomp__actions_x, data__linux__seccomp__actions_item in enumerate(data__linux__seccomp__actions):
                                    check_seccompaction(data__linux__seccomp__actions_item, name_prefix + ".linux.seccomp.actions[{data__linux__seccomp__actions_x}]".format(**locals()))
                        if "operators" in data__linux__seccomp_keys:
                            data__linux__seccomp__operators = data__linux__seccomp["operators"]
                            if not isinstance(data__linux__seccomp__operators, list):
                                raise Mismatch("" + name_prefix + ".linux.seccomp.operators must be array")
                            data__linux__seccomp__operators_is_list = isinstance(data__linux__seccomp__operators, list)
                            if data__linux__seccomp__operators_is_list:
                                data__linux__seccomp__operators_len = len(data__linux__seccomp__operators)
                                for data__linux__seccomp__operators_x, data__linux__seccomp__operators_item in enumerate(data__linux__seccomp__operators):
                                    check_seccomprule_properties_args_items_properties_op(data__linux__seccomp__operators_item, name_prefix + ".linux.seccomp.operators[{data__linux__seccomp__operators_x}]".format(**locals()))
                        if "archs" in data__linux__seccomp_keys:
                            data__linux__seccomp__archs = data__linux__seccomp["archs"]
                            if not isinstance(data__linux__seccomp__archs, list):
                                raise Mismatch("" + name_prefix + ".linux.seccomp.archs must be array")
                            data__linux__seccomp__archs_is_list = isinstance(data__linux__seccomp__archs, list)
                            if data__linux__seccomp__archs_is_list:
                                data__linux__seccomp__archs_len = len(data__linux__seccomp__archs)
                                for data__linux__seccomp__archs_x, data__linux__seccomp__archs_item in enumerate(data__linux__seccomp__archs):
                                    check_seccomp_properties_architectures_items(data__linux__seccomp__archs_item, name_prefix + ".linux.seccomp.archs[{data__linux__seccomp__archs_x}]".format(**locals()))
                        if "knownFlags" in data__linux__seccomp_keys:
                            data__linux__seccomp__knownFlags = data__linux__seccomp["knownFlags"]
                            if not isinstance(data__linux__seccomp__knownFlags, list):
                                raise Mismatch("" + name_prefix + ".linux.seccomp.knownFlags must be array")
                            data__linux__seccomp__knownFlags_is_list = isinstance(data__linux__seccomp__knownFlags, list)
                            if data__linux__seccomp__knownFlags_is_list:
                                data__linux__seccomp__knownFlags_len = len(data__linux__seccomp__knownFlags)
                                for data__linux__seccomp__knownFlags_x, data__linux__seccomp__knownFlags_item in enumerate(data__linux__seccomp__knownFlags):
                                    check_seccomp_properties_flags_items(data__linux__seccomp__knownFlags_item, name_prefix + ".linux.seccomp.knownFlags[{data__linux__seccomp__knownFlags_x}]".format(**locals()))
                        if "supportedFlags" in data__linux__seccomp_keys:
                            data__linux__seccomp__supportedFlags = data__linux__seccomp["supportedFlags"]
                            if not isinstance(data__linux__seccomp__supportedFlags, list):
                                raise Mismatch("" + name_prefix + ".linux.seccomp.supportedFlags must be array")
                            data__linux__seccomp__supportedFlags_is_list = isinstance(data__linux__seccomp__supportedFlags, list)
                            if data__linux__seccomp__supportedFlags_is_list:
                                data__linux__seccomp__supportedFlags_len = len(data__linux__seccomp__supportedFlags)
                                for data__linux__seccomp__supportedFlags_x, data__linux__seccomp__supportedFlags_item in enumerate(data__linux__seccomp__supportedFlags):
                                    check_seccomp_properties_flags_items(data__linux__seccomp__supportedFlags_item, name_prefix + ".linux.seccomp.supportedFlags[{data__linux__seccomp__supportedFlags_x}]".format(**locals()))
                if "apparmor" in data__linux_keys:
                    data__linux__apparmor = data__linux["apparmor"]
                    check_switch(data__linux__apparmor, name_prefix + ".linux.apparmor")
                if "selinux" in data__linux_keys:
                    data__linux__selinux = data__linux["selinux"]
                    check_switch(data__linux__selinux, name_prefix + ".linux.selinux")
                if "memoryPolicy" in data__linux_keys:
                    data__linux__memoryPolicy = data__linux["memoryPolicy"]
                    if not isinstance(data__linux__memoryPolicy, (dict)):
                        raise Mismatch("" + name_prefix + ".linux.memoryPolicy must be object")
                    data__linux__memoryPolicy_is_dict = isinstance(data__linux__memoryPolicy, dict)
                    if data__linux__memoryPolicy_is_dict:
                        data__linux__memoryPolicy_keys = data__linux__memoryPolicy
                        if "modes" in data__linux__memoryPolicy_keys:
                            data__linux__memoryPolicy__modes = data__linux__memoryPolicy["modes"]
                            if not isinstance(data__linux__memoryPolicy__modes, list):
                                raise Mismatch("" + name_prefix + ".linux.memoryPolicy.modes must be array")
                            data__linux__memoryPolicy__modes_is_list = isinstance(data__linux__memoryPolicy__modes, list)
                            if data__linux__memoryPolicy__modes_is_list:
                                data__linux__memoryPolicy__modes_len = len(data__linux__memoryPolicy__modes)
                                for data__linux__memoryPolicy__modes_x, data__linux__memoryPolicy__modes_item in enumerate(data__linux__memoryPolicy__modes):
                                    check_memorypolicy_properties_mode(data__linux__memoryPolicy__modes_item, name_prefix + ".linux.memoryPolicy.modes[{data__linux__memoryPolicy__modes_x}]".format(**locals()))
                        if "flags" in data__linux__memoryPolicy_keys:
                            data__linux__memoryPolicy__flags = data__linux__memoryPolicy["flags"]
                            if not isinstance(data__linux__memoryPolicy__flags, list):
                                raise Mismatch("" + name_prefix + ".linux.memoryPolicy.flags must be array")
                            data__linux__memoryPolicy__flags_is_list = isinstance(data__linux__memoryPolicy__flags, list)
                            if data__linux__memoryPolicy__flags_is_list:
                                data__linux__memoryPolicy__flags_len = len(data__linux__memoryPolicy__flags)
                                for data__linux__memoryPolicy__flags_x, data__linux__memoryPolicy__flags_item in enumerate(data__linux__memoryPolicy__flags):
                                    check_memorypolicy_properties_flags_items(data__linux__memoryPolicy__flags_item, name_prefix + ".linux.memoryPolicy.flags[{data__linux__memoryPolicy__flags_x}]".format(**locals()))
                if "intelRdt" in data__linux_keys:
                    data__linux__intelRdt = data__linux["intelRdt"]
                    if not isinstance(data__linux__intelRdt, (dict)):
                        raise Mismatch("" + name_prefix + ".linux.intelRdt must be object")
                    data__linux__intelRdt_is_dict = isinstance(data__linux__intelRdt, dict)
                    if data__linux__intelRdt_is_dict:
                        data__linux__intelRdt_keys = data__linux__intelRdt
                        if "enabled" in data__linux__intelRdt_keys:
                            data__linux__intelRdt__enabled = data__linux__intelRdt["enabled"]
                            if not isinstance(data__linux__intelRdt__enabled, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.intelRdt.enabled must be boolean")
                        if "schemata" in data__linux__intelRdt_keys:
                            data__linux__intelRdt__schemata = data__linux__intelRdt["schemata"]
                            if not isinstance(data__linux__intelRdt__schemata, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.intelRdt.schemata must be boolean")
                        if "monitoring" in data__linux__intelRdt_keys:
                            data__linux__intelRdt__monitoring = data__linux__intelRdt["monitoring"]
                            if not isinstance(data__linux__intelRdt__monitoring, (bool)):
                                raise Mismatch("" + name_prefix + ".linux.intelRdt.monitoring must be boolean")
                if "mountExtensions" in data__linux_keys:
                    data__linux__mountExtensions = data__linux["mountExtensions"]
                    if not isinstance(data__linux__mountExtensions, (dict)):
                        raise Mismatch("" + name_prefix + ".linux.mountExtensions must be object")
                    data__linux__mountExtensions_is_dict = isinstance(data__linux__mountExtensions, dict)
                    if data__linux__mountExtensions_is_dict:
                        data__linux__mountExtensions_keys = data__linux__mountExtensions
                        if "idmap" in data__linux__mountExtensions_keys:
                            data__linux__mountExtensions__idmap = data__linux__mountExtensions["idmap"]
                            check_switch(data__linux__mountExtensions__idmap, name_prefix + ".linux.mountExtensions.idmap")
                if "netDevices" in data__linux_keys:
                    data__linux__netDevices = data__linux["netDevices"]
                    check_switch(data__linux__netDevices, name_prefix + ".linux.netDevices")


def check_memorypolicy_properties_flags_items(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if data not in ('MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES',):
        raise Mismatch("" + name_prefix + " must be one of ['MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES']")


def check_memorypolicy_properties_mode(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if data not in ('MPOL_DEFAULT', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_WEIGHTED_INTERLEAVE', 'MPOL_PREFERRED', 'MPOL_PREFERRED_MANY', 'MPOL_LOCAL',):
        raise Mismatch("" + name_prefix + " must be one of ['MPOL_DEFAULT', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_WEIGHTED_INTERLEAVE', 'MPOL_PREFERRED', 'MPOL_PREFERRED_MANY', 'MPOL_LOCAL']")


def check_switch(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "enabled" in data_keys:
            data__enabled = data["enabled"]
            if not isinstance(data__enabled, (bool)):
                raise Mismatch("" + name_prefix + ".enabled must be boolean")


def check_seccomp_properties_flags_items(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if data not in ('SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',):
        raise Mismatch("" + name_prefix + " must be one of ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']")


def check_seccomp_properties_architectures_items(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if data not in ('SCMP_ARCH_X86', 'SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_LOONGARCH64', 'SCMP_ARCH_M68K', 'SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32', 'SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_PPC64LE', 'SCMP_ARCH_S390', 'SCMP_ARCH_S390X', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64', 'SCMP_ARCH_RISCV64',):
        raise Mismatch("" + name_prefix + " must be one of ['SCMP_ARCH_X86', 'SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_LOONGARCH64', 'SCMP_ARCH_M68K', 'SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32', 'SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_PPC64LE', 'SCMP_ARCH_S390', 'SCMP_ARCH_S390X', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64', 'SCMP_ARCH_RISCV64']")


def check_seccomprule_properties_args_items_properties_op(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if data not in ('SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ',):
        raise Mismatch("" + name_prefix + " must be one of ['SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ']")


def check_seccompaction(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if data not in ('SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY',):
        raise Mismatch("" + name_prefix + " must be one of ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY']")


def check_strings(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, list):
        raise Mismatch("" + name_prefix + " must be array")
    data_is_list = isinstance(data, list)
    if data_is_list:
        data_len = len(data)
        for data_x, data_item in enumerate(data):
            if not isinstance(data_item, (str)):
                raise Mismatch("" + name_prefix + "[{data_x}]".format(**locals()) + " must be string")
    return data
