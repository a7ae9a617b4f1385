"""Made from schemas/ by hack/generate-checks: change those and run it again."""

# fmt: off
# mypy: ignore-errors
# ruff: noqa: RUF100, B007, C405, E501, I001, N806, PLR0915, RUF021, RUF060, SIM102
from __future__ import annotations

from pyoci.spec.patterns import Mismatch, is_capability_name


def check(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['ociVersionMin', 'ociVersionMax']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'ociVersionMin' in data:
        data__ociVersionMin = data['ociVersionMin']
        if not isinstance(data__ociVersionMin, str):
            raise Mismatch
    if 'ociVersionMax' in data:
        data__ociVersionMax = data['ociVersionMax']
        if not isinstance(data__ociVersionMax, str):
            raise Mismatch
    if 'hooks' in data:
        data__hooks = data['hooks']
        check_strings(data__hooks)
    if 'mountOptions' in data:
        data__mountOptions = data['mountOptions']
        check_strings(data__mountOptions)
    if 'annotations' in data:
        data__annotations = data['annotations']
        if not isinstance(data__annotations, dict):
            raise Mismatch
        for data__annotations_key in data__annotations:
            if data__annotations_key not in []:
                data__annotations_value = data__annotations.get(data__annotations_key)
                if not isinstance(data__annotations_value, str):
                    raise Mismatch
        data__annotations_len = len(data__annotations)
        if data__annotations_len != 0:
            data__annotations_property_names = True
            for data__annotations_key in data__annotations:
                try:
                    if isinstance(data__annotations_key, str):
                        data__annotations_key_len = len(data__annotations_key)
                        if data__annotations_key_len < 1:
                            raise Mismatch
                except Mismatch:
                    data__annotations_property_names = False
            if not data__annotations_property_names:
                raise Mismatch
    if 'potentiallyUnsafeConfigAnnotations' in data:
        data__potentiallyUnsafeConfigAnnotations = data['potentiallyUnsafeConfigAnnotations']
        check_strings(data__potentiallyUnsafeConfigAnnotations)
    if 'linux' in data:
        data__linux = data['linux']
        if not isinstance(data__linux, dict):
            raise Mismatch
        if 'namespaces' in data__linux:
            data__linux__namespaces = data__linux['namespaces']
            if not isinstance(data__linux__namespaces, list):
                raise Mismatch
            for data__linux__namespaces_item in data__linux__namespaces:
                if not isinstance(data__linux__namespaces_item, str):
                    raise Mismatch
                if data__linux__namespaces_item not in ('mount', 'pid', 'network', 'uts', 'ipc', 'user', 'cgroup', 'time'):
                    raise Mismatch
        if 'capabilities' in data__linux:
            data__linux__capabilities = data__linux['capabilities']
            if not isinstance(data__linux__capabilities, list):
                raise Mismatch
            for data__linux__capabilities_item in data__linux__capabilities:
                if not isinstance(data__linux__capabilities_item, str):
                    raise Mismatch
                if not is_capability_name(data__linux__capabilities_item):
                    raise Mismatch
        if 'cgroup' in data__linux:
            data__linux__cgroup = data__linux['cgroup']
            if not isinstance(data__linux__cgroup, dict):
                raise Mismatch
            if 'v1' in data__linux__cgroup:
                data__linux__cgroup__v1 = data__linux__cgroup['v1']
                if not isinstance(data__linux__cgroup__v1, bool):
                    raise Mismatch
            if 'v2' in data__linux__cgroup:
                data__linux__cgroup__v2 = data__linux__cgroup['v2']
                if not isinstance(data__linux__cgroup__v2, bool):
                    raise Mismatch
            if 'systemd' in data__linux__cgroup:
                data__linux__cgroup__systemd = data__linux__cgroup['systemd']
                if not isinstance(data__linux__cgroup__systemd, bool):
                    raise Mismatch
            if 'systemdUser' in data__linux__cgroup:
                data__linux__cgroup__systemdUser = data__linux__cgroup['systemdUser']
                if not isinstance(data__linux__cgroup__systemdUser, bool):
                    raise Mismatch
            if 'rdma' in data__linux__cgroup:
                data__linux__cgroup__rdma = data__linux__cgroup['rdma']
                if not isinstance(data__linux__cgroup__rdma, bool):
                    raise Mismatch
        if 'seccomp' in data__linux:
            data__linux__seccomp = data__linux['seccomp']
            if not isinstance(data__linux__seccomp, dict):
                raise Mismatch
            if 'enabled' in data__linux__seccomp:
                data__linux__seccomp__enabled = data__linux__seccomp['enabled']
                if not isinstance(data__linux__seccomp__enabled, bool):
                    raise Mismatch
            if 'actions' in data__linux__seccomp:
                data__linux__seccomp__actions = data__linux__seccomp['actions']
                if not isinstance(data__linux__seccomp__actions, list):
                    raise Mismatch
                for data__linux__seccomp__actions_item in data__linux__seccomp__actions:
                    check_seccompaction(data__linux__seccomp__actions_item)
            if 'operators' in data__linux__seccomp:
                data__linux__seccomp__operators = data__linux__seccomp['operators']
                if not isinstance(data__linux__seccomp__operators, list):
                    raise Mismatch
                for data__linux__seccomp__operators_item in data__linux__seccomp__operators:
                    check_seccomprule_properties_args_items_properties_op(data__linux__seccomp__operators_item)
            if 'archs' in data__linux__seccomp:
                data__linux__seccomp__archs = data__linux__seccomp['archs']
                if not isinstance(data__linux__seccomp__archs, list):
                    raise Mismatch
                for data__linux__seccomp__archs_item in data__linux__seccomp__archs:
                    check_seccomp_properties_architectures_items(data__linux__seccomp__archs_item)
            if 'knownFlags' in data__linux__seccomp:
                data__linux__seccomp__knownFlags = data__linux__seccomp['knownFlags']
                if not isinstance(data__linux__seccomp__knownFlags, list):
                    raise Mismatch
                for data__linux__seccomp__knownFlags_item in data__linux__seccomp__knownFlags:
                    check_seccomp_properties_flags_items(data__linux__seccomp__knownFlags_item)
            if 'supportedFlags' in data__linux__seccomp:
                data__linux__seccomp__supportedFlags = data__linux__seccomp['supportedFlags']
                if not isinstance(data__linux__seccomp__supportedFlags, list):
                    raise Mismatch
                for data__linux__seccomp__supportedFlags_item in data__linux__seccomp__supportedFlags:
                    check_seccomp_properties_flags_items(data__linux__seccomp__supportedFlags_item)
        if 'apparmor' in data__linux:
            data__linux__apparmor = data__linux['apparmor']
            check_switch(data__linux__apparmor)
        if 'selinux' in data__linux:
            data__linux__selinux = data__linux['selinux']
            check_switch(data__linux__selinux)
        if 'memoryPolicy' in data__linux:
            data__linux__memoryPolicy = data__linux['memoryPolicy']
            if not isinstance(data__linux__memoryPolicy, dict):
                raise Mismatch
            if 'modes' in data__linux__memoryPolicy:
                data__linux__memoryPolicy__modes = data__linux__memoryPolicy['modes']
                if not isinstance(data__linux__memoryPolicy__modes, list):
                    raise Mismatch
                for data__linux__memoryPolicy__modes_item in data__linux__memoryPolicy__modes:
                    check_memorypolicy_properties_mode(data__linux__memoryPolicy__modes_item)
            if 'flags' in data__linux__memoryPolicy:
                data__linux__memoryPolicy__flags = data__linux__memoryPolicy['flags']
                if not isinstance(data__linux__memoryPolicy__flags, list):
                    raise Mismatch
                for data__linux__memoryPolicy__flags_item in data__linux__memoryPolicy__flags:
                    check_memorypolicy_properties_flags_items(data__linux__memoryPolicy__flags_item)
        if 'intelRdt' in data__linux:
            data__linux__intelRdt = data__linux['intelRdt']
            if not isinstance(data__linux__intelRdt, dict):
                raise Mismatch
            if 'enabled' in data__linux__intelRdt:
                data__linux__intelRdt__enabled = data__linux__intelRdt['enabled']
                if not isinstance(data__linux__intelRdt__enabled, bool):
                    raise Mismatch
            if 'schemata' in data__linux__intelRdt:
                data__linux__intelRdt__schemata = data__linux__intelRdt['schemata']
                if not isinstance(data__linux__intelRdt__schemata, bool):
                    raise Mismatch
            if 'monitoring' in data__linux__intelRdt:
                data__linux__intelRdt__monitoring = data__linux__intelRdt['monitoring']
                if not isinstance(data__linux__intelRdt__monitoring, bool):
                    raise Mismatch
        if 'mountExtensions' in data__linux:
            data__linux__mountExtensions = data__linux['mountExtensions']
            if not isinstance(data__linux__mountExtensions, dict):
                raise Mismatch
            if 'idmap' in data__linux__mountExtensions:
                data__linux__mountExtensions__idmap = data__linux__mountExtensions['idmap']
                check_switch(data__linux__mountExtensions__idmap)
        if 'netDevices' in data__linux:
            data__linux__netDevices = data__linux['netDevices']
            check_switch(data__linux__netDevices)


def check_memorypolicy_properties_flags_items(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if data not in ('MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'):
        raise Mismatch


def check_memorypolicy_properties_mode(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if data not in ('MPOL_DEFAULT', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_WEIGHTED_INTERLEAVE', 'MPOL_PREFERRED', 'MPOL_PREFERRED_MANY', 'MPOL_LOCAL'):
        raise Mismatch


def check_switch(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'enabled' in data:
        data__enabled = data['enabled']
        if not isinstance(data__enabled, bool):
            raise Mismatch


def check_seccomp_properties_flags_items(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if data not in ('SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'):
        raise Mismatch


def check_seccomp_properties_architectures_items(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if data not in ('SCMP_ARCH_X86', 'SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_LOONGARCH64', 'SCMP_ARCH_M68K', 'SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32', 'SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_PPC64LE', 'SCMP_ARCH_S390', 'SCMP_ARCH_S390X', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64', 'SCMP_ARCH_RISCV64'):
        raise Mismatch


def check_seccomprule_properties_args_items_properties_op(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if data not in ('SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'):
        raise Mismatch


def check_seccompaction(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if data not in ('SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY'):
        raise Mismatch


def check_strings(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for data_item in data:
        if not isinstance(data_item, str):
            raise Mismatch
    return data
