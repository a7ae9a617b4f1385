"""Made from schemas/ by hack/generate-checks: change those and run it again."""

# fmt: off
# mypy: ignore-errors
# ruff: noqa: RUF100, B007, C405, E501, I001, N806, PLR0915, RUF021, RUF060, SIM102
from __future__ import annotations

from pyoci.spec.patterns import Mismatch, is_absolute, is_absolute_or_empty, is_bandwidth_schema, is_cpu_list, is_device_access, is_one_line, is_page_size, is_version_1


def check(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['ociVersion']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'ociVersion' in data:
        data__ociVersion = data['ociVersion']
        if not isinstance(data__ociVersion, str):
            raise Mismatch
        if not is_version_1(data__ociVersion):
            raise Mismatch
    if 'root' in data:
        data__root = data['root']
        if not isinstance(data__root, dict):
            raise Mismatch
        data__root__missing = set(['path']) - data__root.keys()
        if data__root__missing:
            raise Mismatch
        if 'path' in data__root:
            data__root__path = data__root['path']
            if not isinstance(data__root__path, str):
                raise Mismatch
        if 'readonly' in data__root:
            data__root__readonly = data__root['readonly']
            if not isinstance(data__root__readonly, bool):
                raise Mismatch
    if 'mounts' in data:
        data__mounts = data['mounts']
        if not isinstance(data__mounts, list):
            raise Mismatch
        for data__mounts_item in data__mounts:
            check_mount(data__mounts_item)
    if 'process' in data:
        data__process = data['process']
        check_process(data__process)
    if 'hostname' in data:
        data__hostname = data['hostname']
        if not isinstance(data__hostname, str):
            raise Mismatch
    if 'domainname' in data:
        data__domainname = data['domainname']
        if not isinstance(data__domainname, str):
            raise Mismatch
    if 'hooks' in data:
        data__hooks = data['hooks']
        check_hooks(data__hooks)
    if 'annotations' in data:
        data__annotations = data['annotations']
        check_annotations(data__annotations)
    if 'linux' in data:
        data__linux = data['linux']
        check_linux(data__linux)
    if 'freebsd' in data:
        data__freebsd = data['freebsd']
        check_otherplatform(data__freebsd)
    if 'solaris' in data:
        data__solaris = data['solaris']
        check_otherplatform(data__solaris)
    if 'vm' in data:
        data__vm = data['vm']
        check_otherplatform(data__vm)
    if 'windows' in data:
        data__windows = data['windows']
        check_otherplatform(data__windows)
    if 'zos' in data:
        data__zos = data['zos']
        check_otherplatform(data__zos)


def check_otherplatform(data: object) -> None:
    raise Mismatch


def check_linux(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'namespaces' in data:
        data__namespaces = data['namespaces']
        if not isinstance(data__namespaces, list):
            raise Mismatch
        for data__namespaces_item in data__namespaces:
            if not isinstance(data__namespaces_item, dict):
                raise Mismatch
            data__namespaces_item__missing = set(['type']) - data__namespaces_item.keys()
            if data__namespaces_item__missing:
                raise Mismatch
            if 'type' in data__namespaces_item:
                data__namespaces_item__type = data__namespaces_item['type']
                if not isinstance(data__namespaces_item__type, str):
                    raise Mismatch
                if data__namespaces_item__type not in ('mount', 'pid', 'network', 'uts', 'ipc', 'user', 'cgroup', 'time'):
                    raise Mismatch
            if 'path' in data__namespaces_item:
                data__namespaces_item__path = data__namespaces_item['path']
                if not isinstance(data__namespaces_item__path, str):
                    raise Mismatch
                if not is_absolute_or_empty(data__namespaces_item__path):
                    raise Mismatch
    if 'uidMappings' in data:
        data__uidMappings = data['uidMappings']
        check_idmappings(data__uidMappings)
    if 'gidMappings' in data:
        data__gidMappings = data['gidMappings']
        check_idmappings(data__gidMappings)
    if 'timeOffsets' in data:
        data__timeOffsets = data['timeOffsets']
        check_timeoffsets(data__timeOffsets)
    if 'devices' in data:
        data__devices = data['devices']
        if not isinstance(data__devices, list):
            raise Mismatch
        for data__devices_item in data__devices:
            check_device(data__devices_item)
    if 'netDevices' in data:
        data__netDevices = data['netDevices']
        check_netdevices(data__netDevices)
    if 'cgroupsPath' in data:
        data__cgroupsPath = data['cgroupsPath']
        if not isinstance(data__cgroupsPath, str):
            raise Mismatch
    if 'resources' in data:
        data__resources = data['resources']
        check_resources(data__resources)
    if 'intelRdt' in data:
        data__intelRdt = data['intelRdt']
        check_intelrdt(data__intelRdt)
    if 'memoryPolicy' in data:
        data__memoryPolicy = data['memoryPolicy']
        check_memorypolicy(data__memoryPolicy)
    if 'sysctl' in data:
        data__sysctl = data['sysctl']
        check_stringmap(data__sysctl)
    if 'seccomp' in data:
        data__seccomp = data['seccomp']
        check_seccomp(data__seccomp)
    if 'rootfsPropagation' in data:
        data__rootfsPropagation = data['rootfsPropagation']
        if not isinstance(data__rootfsPropagation, str):
            raise Mismatch
        if data__rootfsPropagation not in ('private', 'shared', 'slave', 'unbindable', 'rprivate', 'rshared', 'rslave', 'runbindable', ''):
            raise Mismatch
    if 'maskedPaths' in data:
        data__maskedPaths = data['maskedPaths']
        check_absolutepaths(data__maskedPaths)
    if 'readonlyPaths' in data:
        data__readonlyPaths = data['readonlyPaths']
        check_absolutepaths(data__readonlyPaths)
    if 'mountLabel' in data:
        data__mountLabel = data['mountLabel']
        if not isinstance(data__mountLabel, str):
            raise Mismatch
    if 'personality' in data:
        data__personality = data['personality']
        if not isinstance(data__personality, dict):
            raise Mismatch
        data__personality__missing = set(['domain']) - data__personality.keys()
        if data__personality__missing:
            raise Mismatch
        if 'domain' in data__personality:
            data__personality__domain = data__personality['domain']
            if not isinstance(data__personality__domain, str):
                raise Mismatch
            if data__personality__domain not in ('LINUX', 'LINUX32'):
                raise Mismatch
        if 'flags' in data__personality:
            data__personality__flags = data__personality['flags']
            check_strings(data__personality__flags)


def check_strings(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for data_item in data:
        if not isinstance(data_item, str):
            raise Mismatch


def check_absolutepaths(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for data_item in data:
        check_absolutepath(data_item)


def check_absolutepath(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if not is_absolute(data):
        raise Mismatch


def check_seccomp(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['defaultAction']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'defaultAction' in data:
        data__defaultAction = data['defaultAction']
        check_seccompaction(data__defaultAction)
    if 'defaultErrnoRet' in data:
        data__defaultErrnoRet = data['defaultErrnoRet']
        check_uint32(data__defaultErrnoRet)
    if 'architectures' in data:
        data__architectures = data['architectures']
        if not isinstance(data__architectures, list):
            raise Mismatch
        for data__architectures_item in data__architectures:
            if not isinstance(data__architectures_item, str):
                raise Mismatch
            if data__architectures_item not in ('SCMP_ARCH_X86', 'SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_LOONGARCH64', 'SCMP_ARCH_M68K', 'SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32', 'SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_PPC64LE', 'SCMP_ARCH_S390', 'SCMP_ARCH_S390X', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64', 'SCMP_ARCH_RISCV64'):
                raise Mismatch
    if 'flags' in data:
        data__flags = data['flags']
        if not isinstance(data__flags, list):
            raise Mismatch
        for data__flags_item in data__flags:
            if not isinstance(data__flags_item, str):
                raise Mismatch
            if data__flags_item not in ('SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'):
                raise Mismatch
    if 'listenerPath' in data:
        data__listenerPath = data['listenerPath']
        if not isinstance(data__listenerPath, str):
            raise Mismatch
    if 'listenerMetadata' in data:
        data__listenerMetadata = data['listenerMetadata']
        if not isinstance(data__listenerMetadata, str):
            raise Mismatch
    if 'syscalls' in data:
        data__syscalls = data['syscalls']
        if not isinstance(data__syscalls, list):
            raise Mismatch
        for data__syscalls_item in data__syscalls:
            check_seccomprule(data__syscalls_item)


def check_seccomprule(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['names', 'action']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'names' in data:
        data__names = data['names']
        if not isinstance(data__names, list):
            raise Mismatch
        data__names_len = len(data__names)
        if data__names_len < 1:
            raise Mismatch
        for data__names_item in data__names:
            if not isinstance(data__names_item, str):
                raise Mismatch
    if 'action' in data:
        data__action = data['action']
        check_seccompaction(data__action)
    if 'errnoRet' in data:
        data__errnoRet = data['errnoRet']
        check_uint32(data__errnoRet)
    if 'args' in data:
        data__args = data['args']
        if not isinstance(data__args, list):
            raise Mismatch
        for data__args_item in data__args:
            if not isinstance(data__args_item, dict):
                raise Mismatch
            data__args_item__missing = set(['index', 'value', 'op']) - data__args_item.keys()
            if data__args_item__missing:
                raise Mismatch
            if 'index' in data__args_item:
                data__args_item__index = data__args_item['index']
                if type(data__args_item__index) is not int:
                    raise Mismatch
                if isinstance(data__args_item__index, (int, float)) and (not isinstance(data__args_item__index, bool)):
                    if data__args_item__index < 0:
                        raise Mismatch
                    if data__args_item__index > 5:
                        raise Mismatch
            if 'value' in data__args_item:
                data__args_item__value = data__args_item['value']
                check_uint64(data__args_item__value)
            if 'valueTwo' in data__args_item:
                data__args_item__valueTwo = data__args_item['valueTwo']
                check_uint64(data__args_item__valueTwo)
            if 'op' in data__args_item:
                data__args_item__op = data__args_item['op']
                if not isinstance(data__args_item__op, str):
                    raise Mismatch
                if data__args_item__op not in ('SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'):
                    raise Mismatch


def check_uint64(data: object) -> None:
    if type(data) is not int:
        raise Mismatch
    if isinstance(data, (int, float)) and (not isinstance(data, bool)):
        if data < 0:
            raise Mismatch
        if data > 18446744073709551615:
            raise Mismatch


def check_uint32(data: object) -> None:
    if type(data) is not int:
        raise Mismatch
    if isinstance(data, (int, float)) and (not isinstance(data, bool)):
        if data < 0:
            raise Mismatch
        if data > 4294967295:
            raise Mismatch


def check_seccompaction(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if data not in ('SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY'):
        raise Mismatch


def check_stringmap(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    for data_key in data:
        if data_key not in []:
            data_value = data.get(data_key)
            if not isinstance(data_value, str):
                raise Mismatch


def check_memorypolicy(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['mode']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'mode' in data:
        data__mode = data['mode']
        if not isinstance(data__mode, str):
            raise Mismatch
        if data__mode not in ('MPOL_DEFAULT', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_WEIGHTED_INTERLEAVE', 'MPOL_PREFERRED', 'MPOL_PREFERRED_MANY', 'MPOL_LOCAL'):
            raise Mismatch
    if 'nodes' in data:
        data__nodes = data['nodes']
        if not isinstance(data__nodes, str):
            raise Mismatch
    if 'flags' in data:
        data__flags = data['flags']
        if not isinstance(data__flags, list):
            raise Mismatch
        for data__flags_item in data__flags:
            if not isinstance(data__flags_item, str):
                raise Mismatch
            if data__flags_item not in ('MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'):
                raise Mismatch


def check_intelrdt(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'closID' in data:
        data__closID = data['closID']
        if not isinstance(data__closID, str):
            raise Mismatch
    if 'schemata' in data:
        data__schemata = data['schemata']
        if not isinstance(data__schemata, list):
            raise Mismatch
        for data__schemata_item in data__schemata:
            if not isinstance(data__schemata_item, str):
                raise Mismatch
            if not is_one_line(data__schemata_item):
                raise Mismatch
    if 'l3CacheSchema' in data:
        data__l3CacheSchema = data['l3CacheSchema']
        if not isinstance(data__l3CacheSchema, str):
            raise Mismatch
    if 'memBwSchema' in data:
        data__memBwSchema = data['memBwSchema']
        if not isinstance(data__memBwSchema, str):
            raise Mismatch
        if not is_bandwidth_schema(data__memBwSchema):
            raise Mismatch
    if 'enableMonitoring' in data:
        data__enableMonitoring = data['enableMonitoring']
        if not isinstance(data__enableMonitoring, bool):
            raise Mismatch


def check_resources(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'devices' in data:
        data__devices = data['devices']
        if not isinstance(data__devices, list):
            raise Mismatch
        for data__devices_item in data__devices:
            if not isinstance(data__devices_item, dict):
                raise Mismatch
            data__devices_item__missing = set(['allow']) - data__devices_item.keys()
            if data__devices_item__missing:
                raise Mismatch
            if 'allow' in data__devices_item:
                data__devices_item__allow = data__devices_item['allow']
                if not isinstance(data__devices_item__allow, bool):
                    raise Mismatch
            if 'type' in data__devices_item:
                data__devices_item__type = data__devices_item['type']
                if not isinstance(data__devices_item__type, str):
                    raise Mismatch
                if data__devices_item__type not in ('a', 'b', 'c'):
                    raise Mismatch
            if 'major' in data__devices_item:
                data__devices_item__major = data__devices_item['major']
                check_devicenumber(data__devices_item__major)
            if 'minor' in data__devices_item:
                data__devices_item__minor = data__devices_item['minor']
                check_devicenumber(data__devices_item__minor)
            if 'access' in data__devices_item:
                data__devices_item__access = data__devices_item['access']
                if not isinstance(data__devices_item__access, str):
                    raise Mismatch
                if not is_device_access(data__devices_item__access):
                    raise Mismatch
    if 'memory' in data:
        data__memory = data['memory']
        check_memory(data__memory)
    if 'cpu' in data:
        data__cpu = data['cpu']
        check_cpu(data__cpu)
    if 'pids' in data:
        data__pids = data['pids']
        if not isinstance(data__pids, dict):
            raise Mismatch
        if 'limit' in data__pids:
            data__pids__limit = data__pids['limit']
            check_limit(data__pids__limit)
    if 'blockIO' in data:
        data__blockIO = data['blockIO']
        check_blockio(data__blockIO)
    if 'hugepageLimits' in data:
        data__hugepageLimits = data['hugepageLimits']
        if not isinstance(data__hugepageLimits, list):
            raise Mismatch
        for data__hugepageLimits_item in data__hugepageLimits:
            if not isinstance(data__hugepageLimits_item, dict):
                raise Mismatch
            data__hugepageLimits_item__missing = set(['pageSize', 'limit']) - data__hugepageLimits_item.keys()
            if data__hugepageLimits_item__missing:
                raise Mismatch
            if 'pageSize' in data__hugepageLimits_item:
                data__hugepageLimits_item__pageSize = data__hugepageLimits_item['pageSize']
                if not isinstance(data__hugepageLimits_item__pageSize, str):
                    raise Mismatch
                if not is_page_size(data__hugepageLimits_item__pageSize):
                    raise Mismatch
            if 'limit' in data__hugepageLimits_item:
                data__hugepageLimits_item__limit = data__hugepageLimits_item['limit']
                check_uint64(data__hugepageLimits_item__limit)
    if 'network' in data:
        data__network = data['network']
        if not isinstance(data__network, dict):
            raise Mismatch
        if 'classID' in data__network:
            data__network__classID = data__network['classID']
            check_uint32(data__network__classID)
        if 'priorities' in data__network:
            data__network__priorities = data__network['priorities']
            if not isinstance(data__network__priorities, list):
                raise Mismatch
            for data__network__priorities_item in data__network__priorities:
                if not isinstance(data__network__priorities_item, dict):
                    raise Mismatch
                data__network__priorities_item__missing = set(['name', 'priority']) - data__network__priorities_item.keys()
                if data__network__priorities_item__missing:
                    raise Mismatch
                if 'name' in data__network__priorities_item:
                    data__network__priorities_item__name = data__network__priorities_item['name']
                    if not isinstance(data__network__priorities_item__name, str):
                        raise Mismatch
                if 'priority' in data__network__priorities_item:
                    data__network__priorities_item__priority = data__network__priorities_item['priority']
                    check_uint32(data__network__priorities_item__priority)
    if 'rdma' in data:
        data__rdma = data['rdma']
        if not isinstance(data__rdma, dict):
            raise Mismatch
        for data__rdma_key in data__rdma:
            if data__rdma_key not in []:
                data__rdma_value = data__rdma.get(data__rdma_key)
                if not isinstance(data__rdma_value, dict):
                    raise Mismatch
                if 'hcaHandles' in data__rdma_value:
                    data__rdma_value__hcaHandles = data__rdma_value['hcaHandles']
                    check_uint32(data__rdma_value__hcaHandles)
                if 'hcaObjects' in data__rdma_value:
                    data__rdma_value__hcaObjects = data__rdma_value['hcaObjects']
                    check_uint32(data__rdma_value__hcaObjects)
    if 'unified' in data:
        data__unified = data['unified']
        check_stringmap(data__unified)


def check_blockio(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'weight' in data:
        data__weight = data['weight']
        check_uint16(data__weight)
    if 'leafWeight' in data:
        data__leafWeight = data['leafWeight']
        check_uint16(data__leafWeight)
    if 'weightDevice' in data:
        data__weightDevice = data['weightDevice']
        if not isinstance(data__weightDevice, list):
            raise Mismatch
        for data__weightDevice_item in data__weightDevice:
            if not isinstance(data__weightDevice_item, dict):
                raise Mismatch
            data__weightDevice_item__missing = set(['major', 'minor']) - data__weightDevice_item.keys()
            if data__weightDevice_item__missing:
                raise Mismatch
            if 'major' in data__weightDevice_item:
                data__weightDevice_item__major = data__weightDevice_item['major']
                check_int64(data__weightDevice_item__major)
            if 'minor' in data__weightDevice_item:
                data__weightDevice_item__minor = data__weightDevice_item['minor']
                check_int64(data__weightDevice_item__minor)
            if 'weight' in data__weightDevice_item:
                data__weightDevice_item__weight = data__weightDevice_item['weight']
                check_uint16(data__weightDevice_item__weight)
            if 'leafWeight' in data__weightDevice_item:
                data__weightDevice_item__leafWeight = data__weightDevice_item['leafWeight']
                check_uint16(data__weightDevice_item__leafWeight)
    if 'throttleReadBpsDevice' in data:
        data__throttleReadBpsDevice = data['throttleReadBpsDevice']
        check_throttles(data__throttleReadBpsDevice)
    if 'throttleWriteBpsDevice' in data:
        data__throttleWriteBpsDevice = data['throttleWriteBpsDevice']
        check_throttles(data__throttleWriteBpsDevice)
    if 'throttleReadIOPSDevice' in data:
        data__throttleReadIOPSDevice = data['throttleReadIOPSDevice']
        check_throttles(data__throttleReadIOPSDevice)
    if 'throttleWriteIOPSDevice' in data:
        data__throttleWriteIOPSDevice = data['throttleWriteIOPSDevice']
        check_throttles(data__throttleWriteIOPSDevice)


def check_throttles(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for data_item in data:
        if not isinstance(data_item, dict):
            raise Mismatch
        data_item__missing = set(['major', 'minor', 'rate']) - data_item.keys()
        if data_item__missing:
            raise Mismatch
        if 'major' in data_item:
            data_item__major = data_item['major']
            check_int64(data_item__major)
        if 'minor' in data_item:
            data_item__minor = data_item['minor']
            check_int64(data_item__minor)
        if 'rate' in data_item:
            data_item__rate = data_item['rate']
            check_uint64(data_item__rate)


def check_int64(data: object) -> None:
    if type(data) is not int:
        raise Mismatch
    if isinstance(data, (int, float)) and (not isinstance(data, bool)):
        if data < -9223372036854775808:
            raise Mismatch
        if data > 9223372036854775807:
            raise Mismatch


def check_uint16(data: object) -> None:
    if type(data) is not int:
        raise Mismatch
    if isinstance(data, (int, float)) and (not isinstance(data, bool)):
        if data < 0:
            raise Mismatch
        if data > 65535:
            raise Mismatch


def check_limit(data: object) -> None:
    if type(data) is not int:
        raise Mismatch
    if isinstance(data, (int, float)) and (not isinstance(data, bool)):
        if data < -1:
            raise Mismatch
        if data > 9223372036854775807:
            raise Mismatch


def check_cpu(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'shares' in data:
        data__shares = data['shares']
        check_uint64(data__shares)
    if 'quota' in data:
        data__quota = data['quota']
        check_int64(data__quota)
    if 'burst' in data:
        data__burst = data['burst']
        check_uint64(data__burst)
    if 'period' in data:
        data__period = data['period']
        check_uint64(data__period)
    if 'realtimeRuntime' in data:
        data__realtimeRuntime = data['realtimeRuntime']
        check_int64(data__realtimeRuntime)
    if 'realtimePeriod' in data:
        data__realtimePeriod = data['realtimePeriod']
        check_uint64(data__realtimePeriod)
    if 'cpus' in data:
        data__cpus = data['cpus']
        if not isinstance(data__cpus, str):
            raise Mismatch
    if 'mems' in data:
        data__mems = data['mems']
        if not isinstance(data__mems, str):
            raise Mismatch
    if 'idle' in data:
        data__idle = data['idle']
        if type(data__idle) is not int:
            raise Mismatch
        if isinstance(data__idle, (int, float)) and (not isinstance(data__idle, bool)):
            if data__idle < 0:
                raise Mismatch
            if data__idle > 1:
                raise Mismatch


def check_memory(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'limit' in data:
        data__limit = data['limit']
        check_limit(data__limit)
    if 'reservation' in data:
        data__reservation = data['reservation']
        check_limit(data__reservation)
    if 'swap' in data:
        data__swap = data['swap']
        check_limit(data__swap)
    if 'kernel' in data:
        data__kernel = data['kernel']
        check_limit(data__kernel)
    if 'kernelTCP' in data:
        data__kernelTCP = data['kernelTCP']
        check_limit(data__kernelTCP)
    if 'swappiness' in data:
        data__swappiness = data['swappiness']
        if type(data__swappiness) is not int:
            raise Mismatch
        if isinstance(data__swappiness, (int, float)) and (not isinstance(data__swappiness, bool)):
            if data__swappiness < 0:
                raise Mismatch
            if data__swappiness > 100:
                raise Mismatch
    if 'disableOOMKiller' in data:
        data__disableOOMKiller = data['disableOOMKiller']
        if not isinstance(data__disableOOMKiller, bool):
            raise Mismatch
    if 'useHierarchy' in data:
        data__useHierarchy = data['useHierarchy']
        if not isinstance(data__useHierarchy, bool):
            raise Mismatch
    if 'checkBeforeUpdate' in data:
        data__checkBeforeUpdate = data['checkBeforeUpdate']
        if not isinstance(data__checkBeforeUpdate, bool):
            raise Mismatch


def check_devicenumber(data: object) -> None:
    if type(data) is not int:
        raise Mismatch
    if isinstance(data, (int, float)) and (not isinstance(data, bool)):
        if data < -1:
            raise Mismatch
        if data > 9223372036854775807:
            raise Mismatch


def check_netdevices(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    for data_key in data:
        if data_key not in []:
            data_value = data.get(data_key)
            if not isinstance(data_value, dict):
                raise Mismatch
            if 'name' in data_value:
                data_value__name = data_value['name']
                if not isinstance(data_value__name, str):
                    raise Mismatch


def check_device(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['type', 'path']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'type' in data:
        data__type = data['type']
        if not isinstance(data__type, str):
            raise Mismatch
        if data__type not in ('c', 'b', 'u', 'p'):
            raise Mismatch
    if 'path' in data:
        data__path = data['path']
        check_absolutepath(data__path)
    if 'major' in data:
        data__major = data['major']
        check_int64(data__major)
    if 'minor' in data:
        data__minor = data['minor']
        check_int64(data__minor)
    if 'fileMode' in data:
        data__fileMode = data['fileMode']
        if type(data__fileMode) is not int:
            raise Mismatch
        if isinstance(data__fileMode, (int, float)) and (not isinstance(data__fileMode, bool)):
            if data__fileMode < 0:
                raise Mismatch
            if data__fileMode > 65535:
                raise Mismatch
    if 'uid' in data:
        data__uid = data['uid']
        check_uint32(data__uid)
    if 'gid' in data:
        data__gid = data['gid']
        check_uint32(data__gid)


def check_timeoffsets(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'monotonic' in data:
        data__monotonic = data['monotonic']
        check_timeoffset(data__monotonic)
    if 'boottime' in data:
        data__boottime = data['boottime']
        check_timeoffset(data__boottime)


def check_timeoffset(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'secs' in data:
        data__secs = data['secs']
        check_int64(data__secs)
    if 'nanosecs' in data:
        data__nanosecs = data['nanosecs']
        check_uint32(data__nanosecs)


def check_idmappings(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for data_item in data:
        if not isinstance(data_item, dict):
            raise Mismatch
        data_item__missing = set(['containerID', 'hostID', 'size']) - data_item.keys()
        if data_item__missing:
            raise Mismatch
        if 'containerID' in data_item:
            data_item__containerID = data_item['containerID']
            check_uint32(data_item__containerID)
        if 'hostID' in data_item:
            data_item__hostID = data_item['hostID']
            check_uint32(data_item__hostID)
        if 'size' in data_item:
            data_item__size = data_item['size']
            check_uint32(data_item__size)


def check_annotations(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    for data_key in data:
        if data_key not in []:
            data_value = data.get(data_key)
            if not isinstance(data_value, str):
                raise Mismatch
    data_len = len(data)
    if data_len != 0:
        data_property_names = True
        for data_key in data:
            try:
                if isinstance(data_key, str):
                    data_key_len = len(data_key)
                    if data_key_len < 1:
                        raise Mismatch
            except Mismatch:
                data_property_names = False
        if not data_property_names:
            raise Mismatch


def check_hooks(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'prestart' in data:
        data__prestart = data['prestart']
        check_hooklist(data__prestart)
    if 'createRuntime' in data:
        data__createRuntime = data['createRuntime']
        check_hooklist(data__createRuntime)
    if 'createContainer' in data:
        data__createContainer = data['createContainer']
        check_hooklist(data__createContainer)
    if 'startContainer' in data:
        data__startContainer = data['startContainer']
        check_hooklist(data__startContainer)
    if 'poststart' in data:
        data__poststart = data['poststart']
        check_hooklist(data__poststart)
    if 'poststop' in data:
        data__poststop = data['poststop']
        check_hooklist(data__poststop)


def check_hooklist(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for data_item in data:
        check_hook(data_item)


def check_hook(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['path']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'path' in data:
        data__path = data['path']
        check_absolutepath(data__path)
    if 'args' in data:
        data__args = data['args']
        check_strings(data__args)
    if 'env' in data:
        data__env = data['env']
        check_strings(data__env)
    if 'timeout' in data:
        data__timeout = data['timeout']
        if type(data__timeout) is not int:
            raise Mismatch
        if isinstance(data__timeout, (int, float)) and (not isinstance(data__timeout, bool)):
            if data__timeout < 1:
                raise Mismatch


def check_process(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['cwd']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'terminal' in data:
        data__terminal = data['terminal']
        if not isinstance(data__terminal, bool):
            raise Mismatch
    if 'consoleSize' in data:
        data__consoleSize = data['consoleSize']
        if not isinstance(data__consoleSize, dict):
            raise Mismatch
        data__consoleSize__missing = set(['height', 'width']) - data__consoleSize.keys()
        if data__consoleSize__missing:
            raise Mismatch
        if 'height' in data__consoleSize:
            data__consoleSize__height = data__consoleSize['height']
            check_uint64(data__consoleSize__height)
        if 'width' in data__consoleSize:
            data__consoleSize__width = data__consoleSize['width']
            check_uint64(data__consoleSize__width)
    if 'cwd' in data:
        data__cwd = data['cwd']
        check_absolutepath(data__cwd)
    if 'env' in data:
        data__env = data['env']
        check_strings(data__env)
    if 'args' in data:
        data__args = data['args']
        check_strings(data__args)
    if 'commandLine' in data:
        data__commandLine = data['commandLine']
        if not isinstance(data__commandLine, str):
            raise Mismatch
    if 'user' in data:
        data__user = data['user']
        if not isinstance(data__user, dict):
            raise Mismatch
        if 'uid' in data__user:
            data__user__uid = data__user['uid']
            check_uint32(data__user__uid)
        if 'gid' in data__user:
            data__user__gid = data__user['gid']
            check_uint32(data__user__gid)
        if 'umask' in data__user:
            data__user__umask = data__user['umask']
            if type(data__user__umask) is not int:
                raise Mismatch
            if isinstance(data__user__umask, (int, float)) and (not isinstance(data__user__umask, bool)):
                if data__user__umask < 0:
                    raise Mismatch
                if data__user__umask > 511:
                    raise Mismatch
        if 'additionalGids' in data__user:
            data__user__additionalGids = data__user['additionalGids']
            if not isinstance(data__user__additionalGids, list):
                raise Mismatch
            for data__user__additionalGids_item in data__user__additionalGids:
                check_uint32(data__user__additionalGids_item)
        if 'username' in data__user:
            data__user__username = data__user['username']
            if not isinstance(data__user__username, str):
                raise Mismatch
    if 'rlimits' in data:
        data__rlimits = data['rlimits']
        if not isinstance(data__rlimits, list):
            raise Mismatch
        for data__rlimits_item in data__rlimits:
            check_rlimit(data__rlimits_item)
    if 'capabilities' in data:
        data__capabilities = data['capabilities']
        if not isinstance(data__capabilities, dict):
            raise Mismatch
        if 'bounding' in data__capabilities:
            data__capabilities__bounding = data__capabilities['bounding']
            check_strings(data__capabilities__bounding)
        if 'permitted' in data__capabilities:
            data__capabilities__permitted = data__capabilities['permitted']
            check_strings(data__capabilities__permitted)
        if 'effective' in data__capabilities:
            data__capabilities__effective = data__capabilities['effective']
            check_strings(data__capabilities__effective)
        if 'inheritable' in data__capabilities:
            data__capabilities__inheritable = data__capabilities['inheritable']
            check_strings(data__capabilities__inheritable)
        if 'ambient' in data__capabilities:
            data__capabilities__ambient = data__capabilities['ambient']
            check_strings(data__capabilities__ambient)
    if 'noNewPrivileges' in data:
        data__noNewPrivileges = data['noNewPrivileges']
        if not isinstance(data__noNewPrivileges, bool):
            raise Mismatch
    if 'oomScoreAdj' in data:
        data__oomScoreAdj = data['oomScoreAdj']
        if type(data__oomScoreAdj) is not int:
            raise Mismatch
        if isinstance(data__oomScoreAdj, (int, float)) and (not isinstance(data__oomScoreAdj, bool)):
            if data__oomScoreAdj < -1000:
                raise Mismatch
            if data__oomScoreAdj > 1000:
                raise Mismatch
    if 'apparmorProfile' in data:
        data__apparmorProfile = data['apparmorProfile']
        if not isinstance(data__apparmorProfile, str):
            raise Mismatch
    if 'selinuxLabel' in data:
        data__selinuxLabel = data['selinuxLabel']
        if not isinstance(data__selinuxLabel, str):
            raise Mismatch
    if 'scheduler' in data:
        data__scheduler = data['scheduler']
        check_scheduler(data__scheduler)
    if 'ioPriority' in data:
        data__ioPriority = data['ioPriority']
        if not isinstance(data__ioPriority, dict):
            raise Mismatch
        data__ioPriority__missing = set(['class']) - data__ioPriority.keys()
        if data__ioPriority__missing:
            raise Mismatch
        if 'class' in data__ioPriority:
            data__ioPriority__class = data__ioPriority['class']
            if not isinstance(data__ioPriority__class, str):
                raise Mismatch
            if data__ioPriority__class not in ('IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'):
                raise Mismatch
        if 'priority' in data__ioPriority:
            data__ioPriority__priority = data__ioPriority['priority']
            if type(data__ioPriority__priority) is not int:
                raise Mismatch
            if isinstance(data__ioPriority__priority, (int, float)) and (not isinstance(data__ioPriority__priority, bool)):
                if data__ioPriority__priority < 0:
                    raise Mismatch
                if data__ioPriority__priority > 7:
                    raise Mismatch
    if 'execCPUAffinity' in data:
        data__execCPUAffinity = data['execCPUAffinity']
        if not isinstance(data__execCPUAffinity, dict):
            raise Mismatch
        if 'initial' in data__execCPUAffinity:
            data__execCPUAffinity__initial = data__execCPUAffinity['initial']
            check_cpulist(data__execCPUAffinity__initial)
        if 'final' in data__execCPUAffinity:
            data__execCPUAffinity__final = data__execCPUAffinity['final']
            check_cpulist(data__execCPUAffinity__final)


def check_cpulist(data: object) -> None:
    if not isinstance(data, str):
        raise Mismatch
    if not is_cpu_list(data):
        raise Mismatch


def check_scheduler(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['policy']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'policy' in data:
        data__policy = data['policy']
        if not isinstance(data__policy, str):
            raise Mismatch
        if data__policy not in ('SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_ISO', 'SCHED_IDLE', 'SCHED_DEADLINE'):
            raise Mismatch
    if 'nice' in data:
        data__nice = data['nice']
        check_int32(data__nice)
    if 'priority' in data:
        data__priority = data['priority']
        check_int32(data__priority)
    if 'flags' in data:
        data__flags = data['flags']
        if not isinstance(data__flags, list):
            raise Mismatch
        for data__flags_item in data__flags:
            if not isinstance(data__flags_item, str):
                raise Mismatch
            if data__flags_item not in ('SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM', 'SCHED_FLAG_DL_OVERRUN', 'SCHED_FLAG_KEEP_POLICY', 'SCHED_FLAG_KEEP_PARAMS', 'SCHED_FLAG_UTIL_CLAMP_MIN', 'SCHED_FLAG_UTIL_CLAMP_MAX'):
                raise Mismatch
    if 'runtime' in data:
        data__runtime = data['runtime']
        check_uint64(data__runtime)
    if 'deadline' in data:
        data__deadline = data['deadline']
        check_uint64(data__deadline)
    if 'period' in data:
        data__period = data['period']
        check_uint64(data__period)


def check_int32(data: object) -> None:
    if type(data) is not int:
        raise Mismatch
    if isinstance(data, (int, float)) and (not isinstance(data, bool)):
        if data < -2147483648:
            raise Mismatch
        if data > 2147483647:
            raise Mismatch


def check_rlimit(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['type', 'soft', 'hard']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'type' in data:
        data__type = data['type']
        if not isinstance(data__type, str):
            raise Mismatch
        if data__type not in ('RLIMIT_AS', 'RLIMIT_CORE', 'RLIMIT_CPU', 'RLIMIT_DATA', 'RLIMIT_FSIZE', 'RLIMIT_LOCKS', 'RLIMIT_MEMLOCK', 'RLIMIT_MSGQUEUE', 'RLIMIT_NICE', 'RLIMIT_NOFILE', 'RLIMIT_NPROC', 'RLIMIT_RSS', 'RLIMIT_RTPRIO', 'RLIMIT_RTTIME', 'RLIMIT_SIGPENDING', 'RLIMIT_STACK'):
            raise Mismatch
    if 'soft' in data:
        data__soft = data['soft']
        check_uint64(data__soft)
    if 'hard' in data:
        data__hard = data['hard']
        check_uint64(data__hard)


def check_mount(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    data__missing = set(['destination']) - data.keys()
    if data__missing:
        raise Mismatch
    if 'destination' in data:
        data__destination = data['destination']
        if not isinstance(data__destination, str):
            raise Mismatch
    if 'source' in data:
        data__source = data['source']
        if not isinstance(data__source, str):
            raise Mismatch
    if 'type' in data:
        data__type = data['type']
        if not isinstance(data__type, str):
            raise Mismatch
    if 'options' in data:
        data__options = data['options']
        check_strings(data__options)
    if 'uidMappings' in data:
        data__uidMappings = data['uidMappings']
        check_idmappings(data__uidMappings)
    if 'gidMappings' in data:
        data__gidMappings = data['gidMappings']
        check_idmappings(data__gidMappings)
    return data
