"""Made from schemas/config.json by hack/generate-checks: change that and run it again."""

# fmt: off
# ruff: noqa: RUF100, E501, I001, N802, N806, PLR0915
from __future__ import annotations

from pyoci.spec.patterns import Mismatch, is_absolute, is_absolute_or_empty, is_bandwidth_schema, is_cpu_list, is_device_access, is_one_line, is_page_size, is_version_1


def check(data: object) -> None:
    if not isinstance(data, dict) or 'ociVersion' not in data:
        raise Mismatch
    value = data['ociVersion']
    if not isinstance(value, str) or not is_version_1(value):
        raise Mismatch
    if 'root' in data:
        root = data['root']
        if not isinstance(root, dict) or 'path' not in root:
            raise Mismatch
        if not isinstance(root['path'], str):
            raise Mismatch
        if 'readonly' in root and not isinstance(root['readonly'], bool):
            raise Mismatch
    if 'mounts' in data:
        mounts = data['mounts']
        if not isinstance(mounts, list):
            raise Mismatch
        for item in mounts:
            check_mount(item)
    if 'process' in data:
        check_process(data['process'])
    if 'hostname' in data and not isinstance(data['hostname'], str):
        raise Mismatch
    if 'domainname' in data and not isinstance(data['domainname'], str):
        raise Mismatch
    if 'hooks' in data:
        check_hooks(data['hooks'])
    if 'annotations' in data:
        check_annotations(data['annotations'])
    if 'linux' in data:
        check_linux(data['linux'])
    if 'freebsd' in data:
        raise Mismatch
    if 'solaris' in data:
        raise Mismatch
    if 'vm' in data:
        raise Mismatch
    if 'windows' in data:
        raise Mismatch
    if 'zos' in data:
        raise Mismatch


def check_mount(data: object) -> None:
    if not isinstance(data, dict) or 'destination' not in data:
        raise Mismatch
    if not isinstance(data['destination'], str):
        raise Mismatch
    if 'source' in data and not isinstance(data['source'], str):
        raise Mismatch
    if 'type' in data and not isinstance(data['type'], str):
        raise Mismatch
    if 'options' in data:
        check_strings(data['options'])
    if 'uidMappings' in data:
        check_idMappings(data['uidMappings'])
    if 'gidMappings' in data:
        check_idMappings(data['gidMappings'])


def check_strings(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for item in data:
        if not isinstance(item, str):
            raise Mismatch


def check_idMappings(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for item in data:
        if not isinstance(item, dict) or 'containerID' not in item or 'hostID' not in item or 'size' not in item:
            raise Mismatch
        value = item['containerID']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch
        value = item['hostID']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch
        value = item['size']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch


def check_process(data: object) -> None:
    if not isinstance(data, dict) or 'cwd' not in data:
        raise Mismatch
    if 'terminal' in data and not isinstance(data['terminal'], bool):
        raise Mismatch
    if 'consoleSize' in data:
        consoleSize = data['consoleSize']
        if not isinstance(consoleSize, dict):
            raise Mismatch
        if 'height' in consoleSize:
            value = consoleSize['height']
            if type(value) is not int or not 0 <= value <= 18446744073709551615:
                raise Mismatch
        if 'width' in consoleSize:
            value = consoleSize['width']
            if type(value) is not int or not 0 <= value <= 18446744073709551615:
                raise Mismatch
    value = data['cwd']
    if not isinstance(value, str) or not is_absolute(value):
        raise Mismatch
    if 'env' in data:
        check_strings(data['env'])
    if 'args' in data:
        check_strings(data['args'])
    if 'commandLine' in data and not isinstance(data['commandLine'], str):
        raise Mismatch
    if 'user' in data:
        user = data['user']
        if not isinstance(user, dict):
            raise Mismatch
        if 'uid' in user:
            value = user['uid']
            if type(value) is not int or not 0 <= value <= 4294967295:
                raise Mismatch
        if 'gid' in user:
            value = user['gid']
            if type(value) is not int or not 0 <= value <= 4294967295:
                raise Mismatch
        if 'umask' in user:
            value = user['umask']
            if type(value) is not int or not 0 <= value <= 511:
                raise Mismatch
        if 'additionalGids' in user:
            additionalGids = user['additionalGids']
            if not isinstance(additionalGids, list):
                raise Mismatch
            for item in additionalGids:
                if type(item) is not int or not 0 <= item <= 4294967295:
                    raise Mismatch
        if 'username' in user and not isinstance(user['username'], str):
            raise Mismatch
    if 'rlimits' in data:
        rlimits = data['rlimits']
        if not isinstance(rlimits, list):
            raise Mismatch
        for item in rlimits:
            check_rlimit(item)
    if 'capabilities' in data:
        capabilities = data['capabilities']
        if not isinstance(capabilities, dict):
            raise Mismatch
        if 'bounding' in capabilities:
            check_strings(capabilities['bounding'])
        if 'permitted' in capabilities:
            check_strings(capabilities['permitted'])
        if 'effective' in capabilities:
            check_strings(capabilities['effective'])
        if 'inheritable' in capabilities:
            check_strings(capabilities['inheritable'])
        if 'ambient' in capabilities:
            check_strings(capabilities['ambient'])
    if 'noNewPrivileges' in data and not isinstance(data['noNewPrivileges'], bool):
        raise Mismatch
    if 'oomScoreAdj' in data:
        value = data['oomScoreAdj']
        if type(value) is not int or not -1000 <= value <= 1000:
            raise Mismatch
    if 'apparmorProfile' in data and not isinstance(data['apparmorProfile'], str):
        raise Mismatch
    if 'selinuxLabel' in data and not isinstance(data['selinuxLabel'], str):
        raise Mismatch
    if 'scheduler' in data:
        check_scheduler(data['scheduler'])
    if 'ioPriority' in data:
        ioPriority = data['ioPriority']
        if not isinstance(ioPriority, dict) or 'class' not in ioPriority:
            raise Mismatch
        value = ioPriority['class']
        if not isinstance(value, str) or value not in ('IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE'):
            raise Mismatch
        if 'priority' in ioPriority:
            value = ioPriority['priority']
            if type(value) is not int or not 0 <= value <= 7:
                raise Mismatch
    if 'execCPUAffinity' in data:
        execCPUAffinity = data['execCPUAffinity']
        if not isinstance(execCPUAffinity, dict):
            raise Mismatch
        if 'initial' in execCPUAffinity:
            value = execCPUAffinity['initial']
            if not isinstance(value, str) or not is_cpu_list(value):
                raise Mismatch
        if 'final' in execCPUAffinity:
            value = execCPUAffinity['final']
            if not isinstance(value, str) or not is_cpu_list(value):
                raise Mismatch


def check_rlimit(data: object) -> None:
    if not isinstance(data, dict) or 'type' not in data or 'soft' not in data or 'hard' not in data:
        raise Mismatch
    value = data['type']
    if not isinstance(value, str) or value not in ('RLIMIT_AS', 'RLIMIT_CORE', 'RLIMIT_CPU', 'RLIMIT_DATA', 'RLIMIT_FSIZE', 'RLIMIT_LOCKS', 'RLIMIT_MEMLOCK', 'RLIMIT_MSGQUEUE', 'RLIMIT_NICE', 'RLIMIT_NOFILE', 'RLIMIT_NPROC', 'RLIMIT_RSS', 'RLIMIT_RTPRIO', 'RLIMIT_RTTIME', 'RLIMIT_SIGPENDING', 'RLIMIT_STACK'):
        raise Mismatch
    value = data['soft']
    if type(value) is not int or not 0 <= value <= 18446744073709551615:
        raise Mismatch
    value = data['hard']
    if type(value) is not int or not 0 <= value <= 18446744073709551615:
        raise Mismatch


def check_scheduler(data: object) -> None:
    if not isinstance(data, dict) or 'policy' not in data:
        raise Mismatch
    value = data['policy']
    if not isinstance(value, str) or value not in ('SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_ISO', 'SCHED_IDLE', 'SCHED_DEADLINE'):
        raise Mismatch
    if 'nice' in data:
        value = data['nice']
        if type(value) is not int or not -2147483648 <= value <= 2147483647:
            raise Mismatch
    if 'priority' in data:
        value = data['priority']
        if type(value) is not int or not -2147483648 <= value <= 2147483647:
            raise Mismatch
    if 'flags' in data:
        flags = data['flags']
        if not isinstance(flags, list):
            raise Mismatch
        for item in flags:
            if not isinstance(item, str) or item not in ('SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM', 'SCHED_FLAG_DL_OVERRUN', 'SCHED_FLAG_KEEP_POLICY', 'SCHED_FLAG_KEEP_PARAMS', 'SCHED_FLAG_UTIL_CLAMP_MIN', 'SCHED_FLAG_UTIL_CLAMP_MAX'):
                raise Mismatch
    if 'runtime' in data:
        value = data['runtime']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch
    if 'deadline' in data:
        value = data['deadline']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch
    if 'period' in data:
        value = data['period']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch


def check_hooks(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'prestart' in data:
        check_hookList(data['prestart'])
    if 'createRuntime' in data:
        check_hookList(data['createRuntime'])
    if 'createContainer' in data:
        check_hookList(data['createContainer'])
    if 'startContainer' in data:
        check_hookList(data['startContainer'])
    if 'poststart' in data:
        check_hookList(data['poststart'])
    if 'poststop' in data:
        check_hookList(data['poststop'])


def check_hookList(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for item in data:
        check_hook(item)


def check_hook(data: object) -> None:
    if not isinstance(data, dict) or 'path' not in data:
        raise Mismatch
    value = data['path']
    if not isinstance(value, str) or not is_absolute(value):
        raise Mismatch
    if 'args' in data:
        check_strings(data['args'])
    if 'env' in data:
        check_strings(data['env'])
    if 'timeout' in data:
        value = data['timeout']
        if type(value) is not int or value < 1:
            raise Mismatch


def check_annotations(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    for name, item in data.items():
        if len(name) < 1 or not isinstance(item, str):
            raise Mismatch


def check_linux(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'namespaces' in data:
        namespaces = data['namespaces']
        if not isinstance(namespaces, list):
            raise Mismatch
        for item in namespaces:
            if not isinstance(item, dict) or 'type' not in item:
                raise Mismatch
            value = item['type']
            if not isinstance(value, str) or value not in ('mount', 'pid', 'network', 'uts', 'ipc', 'user', 'cgroup', 'time'):
                raise Mismatch
            if 'path' in item:
                value = item['path']
                if not isinstance(value, str) or not is_absolute_or_empty(value):
                    raise Mismatch
    if 'uidMappings' in data:
        check_idMappings(data['uidMappings'])
    if 'gidMappings' in data:
        check_idMappings(data['gidMappings'])
    if 'timeOffsets' in data:
        check_timeOffsets(data['timeOffsets'])
    if 'devices' in data:
        devices = data['devices']
        if not isinstance(devices, list):
            raise Mismatch
        for item in devices:
            check_device(item)
    if 'netDevices' in data:
        check_netDevices(data['netDevices'])
    if 'cgroupsPath' in data and not isinstance(data['cgroupsPath'], str):
        raise Mismatch
    if 'resources' in data:
        check_resources(data['resources'])
    if 'intelRdt' in data:
        check_intelRdt(data['intelRdt'])
    if 'memoryPolicy' in data:
        check_memoryPolicy(data['memoryPolicy'])
    if 'sysctl' in data:
        check_stringMap(data['sysctl'])
    if 'seccomp' in data:
        check_seccomp(data['seccomp'])
    if 'rootfsPropagation' in data:
        value = data['rootfsPropagation']
        if not isinstance(value, str) or value not in ('private', 'shared', 'slave', 'unbindable', 'rprivate', 'rshared', 'rslave', 'runbindable', ''):
            raise Mismatch
    if 'maskedPaths' in data:
        check_absolutePaths(data['maskedPaths'])
    if 'readonlyPaths' in data:
        check_absolutePaths(data['readonlyPaths'])
    if 'mountLabel' in data and not isinstance(data['mountLabel'], str):
        raise Mismatch
    if 'personality' in data:
        personality = data['personality']
        if not isinstance(personality, dict) or 'domain' not in personality:
            raise Mismatch
        value = personality['domain']
        if not isinstance(value, str) or value not in ('LINUX', 'LINUX32'):
            raise Mismatch
        if 'flags' in personality:
            check_strings(personality['flags'])


def check_timeOffsets(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'monotonic' in data:
        check_timeOffset(data['monotonic'])
    if 'boottime' in data:
        check_timeOffset(data['boottime'])


def check_timeOffset(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'secs' in data:
        value = data['secs']
        if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
            raise Mismatch
    if 'nanosecs' in data:
        value = data['nanosecs']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch


def check_device(data: object) -> None:
    if not isinstance(data, dict) or 'type' not in data or 'path' not in data:
        raise Mismatch
    value = data['type']
    if not isinstance(value, str) or value not in ('c', 'b', 'u', 'p'):
        raise Mismatch
    value = data['path']
    if not isinstance(value, str) or not is_absolute(value):
        raise Mismatch
    if 'major' in data:
        value = data['major']
        if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
            raise Mismatch
    if 'minor' in data:
        value = data['minor']
        if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
            raise Mismatch
    if 'fileMode' in data:
        value = data['fileMode']
        if type(value) is not int or not 0 <= value <= 65535:
            raise Mismatch
    if 'uid' in data:
        value = data['uid']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch
    if 'gid' in data:
        value = data['gid']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch


def check_netDevices(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    for item in data.values():
        if not isinstance(item, dict):
            raise Mismatch
        if 'name' in item and not isinstance(item['name'], str):
            raise Mismatch


def check_resources(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'devices' in data:
        devices = data['devices']
        if not isinstance(devices, list):
            raise Mismatch
        for item in devices:
            if not isinstance(item, dict) or 'allow' not in item:
                raise Mismatch
            if not isinstance(item['allow'], bool):
                raise Mismatch
            if 'type' in item:
                value = item['type']
                if not isinstance(value, str) or value not in ('a', 'b', 'c'):
                    raise Mismatch
            if 'major' in item:
                value = item['major']
                if type(value) is not int or not -1 <= value <= 9223372036854775807:
                    raise Mismatch
            if 'minor' in item:
                value = item['minor']
                if type(value) is not int or not -1 <= value <= 9223372036854775807:
                    raise Mismatch
            if 'access' in item:
                value = item['access']
                if not isinstance(value, str) or not is_device_access(value):
                    raise Mismatch
    if 'memory' in data:
        check_memory(data['memory'])
    if 'cpu' in data:
        check_cpu(data['cpu'])
    if 'pids' in data:
        pids = data['pids']
        if not isinstance(pids, dict):
            raise Mismatch
        if 'limit' in pids:
            value = pids['limit']
            if type(value) is not int or not -1 <= value <= 9223372036854775807:
                raise Mismatch
    if 'blockIO' in data:
        check_blockIO(data['blockIO'])
    if 'hugepageLimits' in data:
        hugepageLimits = data['hugepageLimits']
        if not isinstance(hugepageLimits, list):
            raise Mismatch
        for item in hugepageLimits:
            if not isinstance(item, dict) or 'pageSize' not in item or 'limit' not in item:
                raise Mismatch
            value = item['pageSize']
            if not isinstance(value, str) or not is_page_size(value):
                raise Mismatch
            value = item['limit']
            if type(value) is not int or not 0 <= value <= 18446744073709551615:
                raise Mismatch
    if 'network' in data:
        network = data['network']
        if not isinstance(network, dict):
            raise Mismatch
        if 'classID' in network:
            value = network['classID']
            if type(value) is not int or not 0 <= value <= 4294967295:
                raise Mismatch
        if 'priorities' in network:
            priorities = network['priorities']
            if not isinstance(priorities, list):
                raise Mismatch
            for item in priorities:
                if not isinstance(item, dict) or 'name' not in item or 'priority' not in item:
                    raise Mismatch
                if not isinstance(item['name'], str):
                    raise Mismatch
                value = item['priority']
                if type(value) is not int or not 0 <= value <= 4294967295:
                    raise Mismatch
    if 'rdma' in data:
        rdma = data['rdma']
        if not isinstance(rdma, dict):
            raise Mismatch
        for item in rdma.values():
            if not isinstance(item, dict):
                raise Mismatch
            if 'hcaHandles' in item:
                value = item['hcaHandles']
                if type(value) is not int or not 0 <= value <= 4294967295:
                    raise Mismatch
            if 'hcaObjects' in item:
                value = item['hcaObjects']
                if type(value) is not int or not 0 <= value <= 4294967295:
                    raise Mismatch
    if 'unified' in data:
        check_stringMap(data['unified'])


def check_memory(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'limit' in data:
        value = data['limit']
        if type(value) is not int or not -1 <= value <= 9223372036854775807:
            raise Mismatch
    if 'reservation' in data:
        value = data['reservation']
        if type(value) is not int or not -1 <= value <= 9223372036854775807:
            raise Mismatch
    if 'swap' in data:
        value = data['swap']
        if type(value) is not int or not -1 <= value <= 9223372036854775807:
            raise Mismatch
    if 'kernel' in data:
        value = data['kernel']
        if type(value) is not int or not -1 <= value <= 9223372036854775807:
            raise Mismatch
    if 'kernelTCP' in data:
        value = data['kernelTCP']
        if type(value) is not int or not -1 <= value <= 9223372036854775807:
            raise Mismatch
    if 'swappiness' in data:
        value = data['swappiness']
        if type(value) is not int or not 0 <= value <= 100:
            raise Mismatch
    if 'disableOOMKiller' in data and not isinstance(data['disableOOMKiller'], bool):
        raise Mismatch
    if 'useHierarchy' in data and not isinstance(data['useHierarchy'], bool):
        raise Mismatch
    if 'checkBeforeUpdate' in data and not isinstance(data['checkBeforeUpdate'], bool):
        raise Mismatch


def check_cpu(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'shares' in data:
        value = data['shares']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch
    if 'quota' in data:
        value = data['quota']
        if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
            raise Mismatch
    if 'burst' in data:
        value = data['burst']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch
    if 'period' in data:
        value = data['period']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch
    if 'realtimeRuntime' in data:
        value = data['realtimeRuntime']
        if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
            raise Mismatch
    if 'realtimePeriod' in data:
        value = data['realtimePeriod']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch
    if 'cpus' in data and not isinstance(data['cpus'], str):
        raise Mismatch
    if 'mems' in data and not isinstance(data['mems'], str):
        raise Mismatch
    if 'idle' in data:
        value = data['idle']
        if type(value) is not int or not 0 <= value <= 1:
            raise Mismatch


def check_blockIO(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'weight' in data:
        value = data['weight']
        if type(value) is not int or not 0 <= value <= 65535:
            raise Mismatch
    if 'leafWeight' in data:
        value = data['leafWeight']
        if type(value) is not int or not 0 <= value <= 65535:
            raise Mismatch
    if 'weightDevice' in data:
        weightDevice = data['weightDevice']
        if not isinstance(weightDevice, list):
            raise Mismatch
        for item in weightDevice:
            if not isinstance(item, dict) or 'major' not in item or 'minor' not in item:
                raise Mismatch
            value = item['major']
            if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
                raise Mismatch
            value = item['minor']
            if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
                raise Mismatch
            if 'weight' in item:
                value = item['weight']
                if type(value) is not int or not 0 <= value <= 65535:
                    raise Mismatch
            if 'leafWeight' in item:
                value = item['leafWeight']
                if type(value) is not int or not 0 <= value <= 65535:
                    raise Mismatch
    if 'throttleReadBpsDevice' in data:
        check_throttles(data['throttleReadBpsDevice'])
    if 'throttleWriteBpsDevice' in data:
        check_throttles(data['throttleWriteBpsDevice'])
    if 'throttleReadIOPSDevice' in data:
        check_throttles(data['throttleReadIOPSDevice'])
    if 'throttleWriteIOPSDevice' in data:
        check_throttles(data['throttleWriteIOPSDevice'])


def check_throttles(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for item in data:
        if not isinstance(item, dict) or 'major' not in item or 'minor' not in item or 'rate' not in item:
            raise Mismatch
        value = item['major']
        if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
            raise Mismatch
        value = item['minor']
        if type(value) is not int or not -9223372036854775808 <= value <= 9223372036854775807:
            raise Mismatch
        value = item['rate']
        if type(value) is not int or not 0 <= value <= 18446744073709551615:
            raise Mismatch


def check_stringMap(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    for item in data.values():
        if not isinstance(item, str):
            raise Mismatch


def check_intelRdt(data: object) -> None:
    if not isinstance(data, dict):
        raise Mismatch
    if 'closID' in data and not isinstance(data['closID'], str):
        raise Mismatch
    if 'schemata' in data:
        schemata = data['schemata']
        if not isinstance(schemata, list):
            raise Mismatch
        for item in schemata:
            if not isinstance(item, str) or not is_one_line(item):
                raise Mismatch
    if 'l3CacheSchema' in data and not isinstance(data['l3CacheSchema'], str):
        raise Mismatch
    if 'memBwSchema' in data:
        value = data['memBwSchema']
        if not isinstance(value, str) or not is_bandwidth_schema(value):
            raise Mismatch
    if 'enableMonitoring' in data and not isinstance(data['enableMonitoring'], bool):
        raise Mismatch


def check_memoryPolicy(data: object) -> None:
    if not isinstance(data, dict) or 'mode' not in data:
        raise Mismatch
    value = data['mode']
    if not isinstance(value, str) or value not in ('MPOL_DEFAULT', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_WEIGHTED_INTERLEAVE', 'MPOL_PREFERRED', 'MPOL_PREFERRED_MANY', 'MPOL_LOCAL'):
        raise Mismatch
    if 'nodes' in data and not isinstance(data['nodes'], str):
        raise Mismatch
    if 'flags' in data:
        flags = data['flags']
        if not isinstance(flags, list):
            raise Mismatch
        for item in flags:
            if not isinstance(item, str) or item not in ('MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES'):
                raise Mismatch


def check_seccomp(data: object) -> None:
    if not isinstance(data, dict) or 'defaultAction' not in data:
        raise Mismatch
    value = data['defaultAction']
    if not isinstance(value, str) or value not in ('SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY'):
        raise Mismatch
    if 'defaultErrnoRet' in data:
        value = data['defaultErrnoRet']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch
    if 'architectures' in data:
        architectures = data['architectures']
        if not isinstance(architectures, list):
            raise Mismatch
        for item in architectures:
            if not isinstance(item, str) or item not in ('SCMP_ARCH_X86', 'SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_LOONGARCH64', 'SCMP_ARCH_M68K', 'SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32', 'SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_PPC64LE', 'SCMP_ARCH_S390', 'SCMP_ARCH_S390X', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64', 'SCMP_ARCH_RISCV64'):
                raise Mismatch
    if 'flags' in data:
        flags = data['flags']
        if not isinstance(flags, list):
            raise Mismatch
        for item in flags:
            if not isinstance(item, str) or item not in ('SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'):
                raise Mismatch
    if 'listenerPath' in data and not isinstance(data['listenerPath'], str):
        raise Mismatch
    if 'listenerMetadata' in data and not isinstance(data['listenerMetadata'], str):
        raise Mismatch
    if 'syscalls' in data:
        syscalls = data['syscalls']
        if not isinstance(syscalls, list):
            raise Mismatch
        for item in syscalls:
            check_seccompRule(item)


def check_seccompRule(data: object) -> None:
    if not isinstance(data, dict) or 'names' not in data or 'action' not in data:
        raise Mismatch
    names = data['names']
    if not isinstance(names, list) or len(names) < 1:
        raise Mismatch
    for item in names:
        if not isinstance(item, str):
            raise Mismatch
    value = data['action']
    if not isinstance(value, str) or value not in ('SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY'):
        raise Mismatch
    if 'errnoRet' in data:
        value = data['errnoRet']
        if type(value) is not int or not 0 <= value <= 4294967295:
            raise Mismatch
    if 'args' in data:
        args = data['args']
        if not isinstance(args, list):
            raise Mismatch
        for item in args:
            if not isinstance(item, dict) or 'index' not in item or 'value' not in item or 'op' not in item:
                raise Mismatch
            value = item['index']
            if type(value) is not int or not 0 <= value <= 5:
                raise Mismatch
            value = item['value']
            if type(value) is not int or not 0 <= value <= 18446744073709551615:
                raise Mismatch
            if 'valueTwo' in item:
                value = item['valueTwo']
                if type(value) is not int or not 0 <= value <= 18446744073709551615:
                    raise Mismatch
            value = item['op']
            if not isinstance(value, str) or value not in ('SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ'):
                raise Mismatch


def check_absolutePaths(data: object) -> None:
    if not isinstance(data, list):
        raise Mismatch
    for item in data:
        if not isinstance(item, str) or not is_absolute(item):
            raise Mismatch


PROCESS: dict[str, tuple[str, ...]] = \
{'terminal': (),
 'consoleSize': ('height', 'width'),
 'cwd': (),
 'env': (),
 'args': (),
 'commandLine': (),
 'user': ('uid', 'gid', 'umask', 'additionalGids', 'username'),
 'rlimits': ('type', 'soft', 'hard'),
 'capabilities': ('bounding', 'permitted', 'effective', 'inheritable', 'ambient'),
 'noNewPrivileges': (),
 'oomScoreAdj': (),
 'apparmorProfile': (),
 'selinuxLabel': (),
 'scheduler': ('policy', 'nice', 'priority', 'flags', 'runtime', 'deadline', 'period'),
 'ioPriority': ('class', 'priority'),
 'execCPUAffinity': ('initial', 'final')}
