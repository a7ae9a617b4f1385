"""Made from schemas/ by hack/generate-checks: change those and run it again."""

# fmt: off
# mypy: ignore-errors
# ruff: noqa: RUF100, B007, C405, E501, I001, N806, PLR0915, RUF021, RUF060, SIM102
from __future__ import annotations

from pyoci.spec.patterns import Mismatch, is_absolute, is_absolute_or_empty, is_bandwidth_schema, is_cpu_list, is_device_access, is_one_line, is_page_size, is_version_1


def check(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['ociVersion']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "ociVersion" in data_keys:
            data__ociVersion = data["ociVersion"]
            if not isinstance(data__ociVersion, (str)):
                raise Mismatch("" + name_prefix + ".ociVersion must be string")
            if isinstance(data__ociVersion, str):
                if not is_version_1(data__ociVersion):
                    raise Mismatch("" + name_prefix + ".ociVersion must match pattern ^1\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(\\+[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?$")
        if "root" in data_keys:
            data__root = data["root"]
            if not isinstance(data__root, (dict)):
                raise Mismatch("" + name_prefix + ".root must be object")
            data__root_is_dict = isinstance(data__root, dict)
            if data__root_is_dict:
                data__root__missing_keys = set(['path']) - data__root.keys()
                if data__root__missing_keys:
                    raise Mismatch("" + name_prefix + ".root must contain " + ", ".join(sorted(data__root__missing_keys)))
                data__root_keys = data__root
                if "path" in data__root_keys:
                    data__root__path = data__root["path"]
                    if not isinstance(data__root__path, (str)):
                        raise Mismatch("" + name_prefix + ".root.path must be string")
                if "readonly" in data__root_keys:
                    data__root__readonly = data__root["readonly"]
                    if not isinstance(data__root__readonly, (bool)):
                        raise Mismatch("" + name_prefix + ".root.readonly must be boolean")
        if "mounts" in data_keys:
            data__mounts = data["mounts"]
            if not isinstance(data__mounts, list):
                raise Mismatch("" + name_prefix + ".mounts must be array")
            data__mounts_is_list = isinstance(data__mounts, list)
            if data__mounts_is_list:
                data__mounts_len = len(data__mounts)
                for data__mounts_x, data__mounts_item in enumerate(data__mounts):
                    check_mount(data__mounts_item, name_prefix + ".mounts[{data__mounts_x}]".format(**locals()))
        if "process" in data_keys:
            data__process = data["process"]
            check_process(data__process, name_prefix + ".process")
        if "hostname" in data_keys:
            data__hostname = data["hostname"]
            if not isinstance(data__hostname, (str)):
                raise Mismatch("" + name_prefix + ".hostname must be string")
        if "domainname" in data_keys:
            data__domainname = data["domainname"]
            if not isinstance(data__domainname, (str)):
                raise Mismatch("" + name_prefix + ".domainname must be string")
        if "hooks" in data_keys:
            data__hooks = data["hooks"]
            check_hooks(data__hooks, name_prefix + ".hooks")
        if "annotations" in data_keys:
            data__annotations = data["annotations"]
            check_annotations(data__annotations, name_prefix + ".annotations")
        if "linux" in data_keys:
            data__linux = data["linux"]
            check_linux(data__linux, name_prefix + ".linux")
        if "freebsd" in data_keys:
            data__freebsd = data["freebsd"]
            check_otherplatform(data__freebsd, name_prefix + ".freebsd")
        if "solaris" in data_keys:
            data__solaris = data["solaris"]
            check_otherplatform(data__solaris, name_prefix + ".solaris")
        if "vm" in data_keys:
            data__vm = data["vm"]
            check_otherplatform(data__vm, name_prefix + ".vm")
        if "windows" in data_keys:
            data__windows = data["windows"]
            check_otherplatform(data__windows, name_prefix + ".windows")
        if "zos" in data_keys:
            data__zos = data["zos"]
            check_otherplatform(data__zos, name_prefix + ".zos")


def check_otherplatform(data: object, name_prefix: str = "") -> None:
    raise Mismatch("" + name_prefix + " must NOT match a disallowed definition")


def check_linux(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "namespaces" in data_keys:
            data__namespaces = data["namespaces"]
            if not isinstance(data__namespaces, list):
                raise Mismatch("" + name_prefix + ".namespaces must be array")
            data__namespaces_is_list = isinstance(data__namespaces, list)
            if data__namespaces_is_list:
                data__namespaces_len = len(data__namespaces)
                for data__namespaces_x, data__namespaces_item in enumerate(data__namespaces):
                    if not isinstance(data__namespaces_item, (dict)):
                        raise Mismatch("" + name_prefix + ".namespaces[{data__namespaces_x}]".format(**locals()) + " must be object")
                    data__namespaces_item_is_dict = isinstance(data__namespaces_item, dict)
                    if data__namespaces_item_is_dict:
                        data__namespaces_item__missing_keys = set(['type']) - data__namespaces_item.keys()
                        if data__namespaces_item__missing_keys:
                            raise Mismatch("" + name_prefix + ".namespaces[{data__namespaces_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data__namespaces_item__missing_keys)))
                        data__namespaces_item_keys = data__namespaces_item
                        if "type" in data__namespaces_item_keys:
                            data__namespaces_item__type = data__namespaces_item["type"]
                            if not isinstance(data__namespaces_item__type, (str)):
                                raise Mismatch("" + name_prefix + ".namespaces[{data__namespaces_x}].type".format(**locals()) + " must be string")
                            if data__namespaces_item__type not in ('mount', 'pid', 'network', 'uts', 'ipc', 'user', 'cgroup', 'time',):
                                raise Mismatch("" + name_prefix + ".namespaces[{data__namespaces_x}].type".format(**locals()) + " must be one of ['mount', 'pid', 'network', 'uts', 'ipc', 'user', 'cgroup', 'time']")
                        if "path" in data__namespaces_item_keys:
                            data__namespaces_item__path = data__namespaces_item["path"]
                            if not isinstance(data__namespaces_item__path, (str)):
                                raise Mismatch("" + name_prefix + ".namespaces[{data__namespaces_x}].path".format(**locals()) + " must be string")
                            if isinstance(data__namespaces_item__path, str):
                                if not is_absolute_or_empty(data__namespaces_item__path):
                                    raise Mismatch("" + name_prefix + ".namespaces[{data__namespaces_x}].path".format(**locals()) + " must match pattern ^(/|$)")
        if "uidMappings" in data_keys:
            data__uidMappings = data["uidMappings"]
            check_idmappings(data__uidMappings, name_prefix + ".uidMappings")
        if "gidMappings" in data_keys:
            data__gidMappings = data["gidMappings"]
            check_idmappings(data__gidMappings, name_prefix + ".gidMappings")
        if "timeOffsets" in data_keys:
            data__timeOffsets = data["timeOffsets"]
            check_timeoffsets(data__timeOffsets, name_prefix + ".timeOffsets")
        if "devices" in data_keys:
            data__devices = data["devices"]
            if not isinstance(data__devices, list):
                raise Mismatch("" + name_prefix + ".devices must be array")
            data__devices_is_list = isinstance(data__devices, list)
            if data__devices_is_list:
                data__devices_len = len(data__devices)
                for data__devices_x, data__devices_item in enumerate(data__devices):
                    check_device(data__devices_item, name_prefix + ".devices[{data__devices_x}]".format(**locals()))
        if "netDevices" in data_keys:
            data__netDevices = data["netDevices"]
            check_netdevices(data__netDevices, name_prefix + ".netDevices")
        if "cgroupsPath" in data_keys:
            data__cgroupsPath = data["cgroupsPath"]
            if not isinstance(data__cgroupsPath, (str)):
                raise Mismatch("" + name_prefix + ".cgroupsPath must be string")
        if "resources" in data_keys:
            data__resources = data["resources"]
            check_resources(data__resources, name_prefix + ".resources")
        if "intelRdt" in data_keys:
            data__intelRdt = data["intelRdt"]
            check_intelrdt(data__intelRdt, name_prefix + ".intelRdt")
        if "memoryPolicy" in data_keys:
            data__memoryPolicy = data["memoryPolicy"]
            check_memorypolicy(data__memoryPolicy, name_prefix + ".memoryPolicy")
        if "sysctl" in data_keys:
            data__sysctl = data["sysctl"]
            check_stringmap(data__sysctl, name_prefix + ".sysctl")
        if "seccomp" in data_keys:
            data__seccomp = data["seccomp"]
            check_seccomp(data__seccomp, name_prefix + ".seccomp")
        if "rootfsPropagation" in data_keys:
            data__rootfsPropagation = data["rootfsPropagation"]
            if not isinstance(data__rootfsPropagation, (str)):
                raise Mismatch("" + name_prefix + ".rootfsPropagation must be string")
            if data__rootfsPropagation not in ('private', 'shared', 'slave', 'unbindable', 'rprivate', 'rshared', 'rslave', 'runbindable', '',):
                raise Mismatch("" + name_prefix + ".rootfsPropagation must be one of ['private', 'shared', 'slave', 'unbindable', 'rprivate', 'rshared', 'rslave', 'runbindable', '']")
        if "maskedPaths" in data_keys:
            data__maskedPaths = data["maskedPaths"]
            check_absolutepaths(data__maskedPaths, name_prefix + ".maskedPaths")
        if "readonlyPaths" in data_keys:
            data__readonlyPaths = data["readonlyPaths"]
            check_absolutepaths(data__readonlyPaths, name_prefix + ".readonlyPaths")
        if "mountLabel" in data_keys:
            data__mountLabel = data["mountLabel"]
            if not isinstance(data__mountLabel, (str)):
                raise Mismatch("" + name_prefix + ".mountLabel must be string")
        if "personality" in data_keys:
            data__personality = data["personality"]
            if not isinstance(data__personality, (dict)):
                raise Mismatch("" + name_prefix + ".personality must be object")
            data__personality_is_dict = isinstance(data__personality, dict)
            if data__personality_is_dict:
                data__personality__missing_keys = set(['domain']) - data__personality.keys()
                if data__personality__missing_keys:
                    raise Mismatch("" + name_prefix + ".personality must contain " + ", ".join(sorted(data__personality__missing_keys)))
                data__personality_keys = data__personality
                if "domain" in data__personality_keys:
                    data__personality__domain = data__personality["domain"]
                    if not isinstance(data__personality__domain, (str)):
                        raise Mismatch("" + name_prefix + ".personality.domain must be string")
                    if data__personality__domain not in ('LINUX', 'LINUX32',):
                        raise Mismatch("" + name_prefix + ".personality.domain must be one of ['LINUX', 'LINUX32']")
                if "flags" in data__personality_keys:
                    data__personality__flags = data__personality["flags"]
                    check_strings(data__personality__flags, name_prefix + ".personality.flags")


def check_strings(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, list):
        raise Mismatch("" + name_prefix + " must be array")
    data_is_list = isinstance(data, list)
    if data_is_list:
        data_len = len(data)
        for data_x, data_item in enumerate(data):
            if not isinstance(data_item, (str)):
                raise Mismatch("" + name_prefix + "[{data_x}]".format(**locals()) + " must be string")


def check_absolutepaths(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, list):
        raise Mismatch("" + name_prefix + " must be array")
    data_is_list = isinstance(data, list)
    if data_is_list:
        data_len = len(data)
        for data_x, data_item in enumerate(data):
            check_absolutepath(data_item, name_prefix + "[{data_x}]".format(**locals()))


def check_absolutepath(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if isinstance(data, str):
        if not is_absolute(data):
            raise Mismatch("" + name_prefix + " must match pattern ^/")


def check_seccomp(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['defaultAction']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "defaultAction" in data_keys:
            data__defaultAction = data["defaultAction"]
            check_seccompaction(data__defaultAction, name_prefix + ".defaultAction")
        if "defaultErrnoRet" in data_keys:
            data__defaultErrnoRet = data["defaultErrnoRet"]
            check_uint32(data__defaultErrnoRet, name_prefix + ".defaultErrnoRet")
        if "architectures" in data_keys:
            data__architectures = data["architectures"]
            if not isinstance(data__architectures, list):
                raise Mismatch("" + name_prefix + ".architectures must be array")
            data__architectures_is_list = isinstance(data__architectures, list)
            if data__architectures_is_list:
                data__architectures_len = len(data__architectures)
                for data__architectures_x, data__architectures_item in enumerate(data__architectures):
                    if not isinstance(data__architectures_item, (str)):
                        raise Mismatch("" + name_prefix + ".architectures[{data__architectures_x}]".format(**locals()) + " must be string")
                    if data__architectures_item not in ('SCMP_ARCH_X86', 'SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_LOONGARCH64', 'SCMP_ARCH_M68K', 'SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32', 'SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_PPC64LE', 'SCMP_ARCH_S390', 'SCMP_ARCH_S390X', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64', 'SCMP_ARCH_RISCV64',):
                        raise Mismatch("" + name_prefix + ".architectures[{data__architectures_x}]".format(**locals()) + " must be one of ['SCMP_ARCH_X86', 'SCMP_ARCH_X86_64', 'SCMP_ARCH_X32', 'SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_LOONGARCH64', 'SCMP_ARCH_M68K', 'SCMP_ARCH_MIPS', 'SCMP_ARCH_MIPS64', 'SCMP_ARCH_MIPS64N32', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_MIPSEL64', 'SCMP_ARCH_MIPSEL64N32', 'SCMP_ARCH_PPC', 'SCMP_ARCH_PPC64', 'SCMP_ARCH_PPC64LE', 'SCMP_ARCH_S390', 'SCMP_ARCH_S390X', 'SCMP_ARCH_SH', 'SCMP_ARCH_SHEB', 'SCMP_ARCH_PARISC', 'SCMP_ARCH_PARISC64', 'SCMP_ARCH_RISCV64']")
        if "flags" in data_keys:
            data__flags = data["flags"]
            if not isinstance(data__flags, list):
                raise Mismatch("" + name_prefix + ".flags must be array")
            data__flags_is_list = isinstance(data__flags, list)
            if data__flags_is_list:
                data__flags_len = len(data__flags)
                for data__flags_x, data__flags_item in enumerate(data__flags):
                    if not isinstance(data__flags_item, (str)):
                        raise Mismatch("" + name_prefix + ".flags[{data__flags_x}]".format(**locals()) + " must be string")
                    if data__flags_item not in ('SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',):
                        raise Mismatch("" + name_prefix + ".flags[{data__flags_x}]".format(**locals()) + " must be one of ['SECCOMP_FILTER_FLAG_TSYNC', 'SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']")
        if "listenerPath" in data_keys:
            data__listenerPath = data["listenerPath"]
            if not isinstance(data__listenerPath, (str)):
                raise Mismatch("" + name_prefix + ".listenerPath must be string")
        if "listenerMetadata" in data_keys:
            data__listenerMetadata = data["listenerMetadata"]
            if not isinstance(data__listenerMetadata, (str)):
                raise Mismatch("" + name_prefix + ".listenerMetadata must be string")
        if "syscalls" in data_keys:
            data__syscalls = data["syscalls"]
            if not isinstance(data__syscalls, list):
                raise Mismatch("" + name_prefix + ".syscalls must be array")
            data__syscalls_is_list = isinstance(data__syscalls, list)
            if data__syscalls_is_list:
                data__syscalls_len = len(data__syscalls)
                for data__syscalls_x, data__syscalls_item in enumerate(data__syscalls):
                    check_seccomprule(data__syscalls_item, name_prefix + ".syscalls[{data__syscalls_x}]".format(**locals()))


def check_seccomprule(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['names', 'action']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "names" in data_keys:
            data__names = data["names"]
            if not isinstance(data__names, list):
                raise Mismatch("" + name_prefix + ".names must be array")
            data__names_is_list = isinstance(data__names, list)
            if data__names_is_list:
                data__names_len = len(data__names)
                if data__names_len < 1:
                    raise Mismatch("" + name_prefix + ".names must contain at least 1 items")
                for data__names_x, data__names_item in enumerate(data__names):
                    if not isinstance(data__names_item, (str)):
                        raise Mismatch("" + name_prefix + ".names[{data__names_x}]".format(**locals()) + " must be string")
        if "action" in data_keys:
            data__action = data["action"]
            check_seccompaction(data__action, name_prefix + ".action")
        if "errnoRet" in data_keys:
            data__errnoRet = data["errnoRet"]
            check_uint32(data__errnoRet, name_prefix + ".errnoRet")
        if "args" in data_keys:
            data__args = data["args"]
            if not isinstance(data__args, list):
                raise Mismatch("" + name_prefix + ".args must be array")
            data__args_is_list = isinstance(data__args, list)
            if data__args_is_list:
                data__args_len = len(data__args)
                for data__args_x, data__args_item in enumerate(data__args):
                    if not isinstance(data__args_item, (dict)):
                        raise Mismatch("" + name_prefix + ".args[{data__args_x}]".format(**locals()) + " must be object")
                    data__args_item_is_dict = isinstance(data__args_item, dict)
                    if data__args_item_is_dict:
                        data__args_item__missing_keys = set(['index', 'value', 'op']) - data__args_item.keys()
                        if data__args_item__missing_keys:
                            raise Mismatch("" + name_prefix + ".args[{data__args_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data__args_item__missing_keys)))
                        data__args_item_keys = data__args_item
                        if "index" in data__args_item_keys:
                            data__args_item__index = data__args_item["index"]
                            if type(data__args_item__index) is not int:
                                raise Mismatch("" + name_prefix + ".args[{data__args_x}].index".format(**locals()) + " must be integer")
                            if isinstance(data__args_item__index, (int, float)) and not isinstance(data__args_item__index, bool):
                                if data__args_item__index < 0:
                                    raise Mismatch("" + name_prefix + ".args[{data__args_x}].index".format(**locals()) + " must be bigger than or equal to 0")
                                if data__args_item__index > 5:
                                    raise Mismatch("" + name_prefix + ".args[{data__args_x}].index".format(**locals()) + " must be smaller than or equal to 5")
                        if "value" in data__args_item_keys:
                            data__args_item__value = data__args_item["value"]
                            check_uint64(data__args_item__value, name_prefix + ".args[{data__args_x}].value".format(**locals()))
                        if "valueTwo" in data__args_item_keys:
                            data__args_item__valueTwo = data__args_item["valueTwo"]
                            check_uint64(data__args_item__valueTwo, name_prefix + ".args[{data__args_x}].valueTwo".format(**locals()))
                        if "op" in data__args_item_keys:
                            data__args_item__op = data__args_item["op"]
                            if not isinstance(data__args_item__op, (str)):
                                raise Mismatch("" + name_prefix + ".args[{data__args_x}].op".format(**locals()) + " must be string")
                            if data__args_item__op not in ('SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ',):
                                raise Mismatch("" + name_prefix + ".args[{data__args_x}].op".format(**locals()) + " must be one of ['SCMP_CMP_NE', 'SCMP_CMP_LT', 'SCMP_CMP_LE', 'SCMP_CMP_EQ', 'SCMP_CMP_GE', 'SCMP_CMP_GT', 'SCMP_CMP_MASKED_EQ']")


def check_uint64(data: object, name_prefix: str = "") -> None:
    if type(data) is not int:
        raise Mismatch("" + name_prefix + " must be integer")
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        if data < 0:
            raise Mismatch("" + name_prefix + " must be bigger than or equal to 0")
        if data > 18446744073709551615:
            raise Mismatch("" + name_prefix + " must be smaller than or equal to 18446744073709551615")


def check_uint32(data: object, name_prefix: str = "") -> None:
    if type(data) is not int:
        raise Mismatch("" + name_prefix + " must be integer")
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        if data < 0:
            raise Mismatch("" + name_prefix + " must be bigger than or equal to 0")
        if data > 4294967295:
            raise Mismatch("" + name_prefix + " must be smaller than or equal to 4294967295")


def check_seccompaction(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if data not in ('SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY',):
        raise Mismatch("" + name_prefix + " must be one of ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO', 'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG', 'SCMP_ACT_NOTIFY']")


def check_stringmap(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        for data_key in data_keys:
            if data_key not in []:
                data_value = data.get(data_key)
                if not isinstance(data_value, (str)):
                    raise Mismatch("" + name_prefix + ".{data_key}".format(**locals()) + " must be string")


def check_memorypolicy(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['mode']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "mode" in data_keys:
            data__mode = data["mode"]
            if not isinstance(data__mode, (str)):
                raise Mismatch("" + name_prefix + ".mode must be string")
            if data__mode not in ('MPOL_DEFAULT', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_WEIGHTED_INTERLEAVE', 'MPOL_PREFERRED', 'MPOL_PREFERRED_MANY', 'MPOL_LOCAL',):
                raise Mismatch("" + name_prefix + ".mode must be one of ['MPOL_DEFAULT', 'MPOL_BIND', 'MPOL_INTERLEAVE', 'MPOL_WEIGHTED_INTERLEAVE', 'MPOL_PREFERRED', 'MPOL_PREFERRED_MANY', 'MPOL_LOCAL']")
        if "nodes" in data_keys:
            data__nodes = data["nodes"]
            if not isinstance(data__nodes, (str)):
                raise Mismatch("" + name_prefix + ".nodes must be string")
        if "flags" in data_keys:
            data__flags = data["flags"]
            if not isinstance(data__flags, list):
                raise Mismatch("" + name_prefix + ".flags must be array")
            data__flags_is_list = isinstance(data__flags, list)
            if data__flags_is_list:
                data__flags_len = len(data__flags)
                for data__flags_x, data__flags_item in enumerate(data__flags):
                    if not isinstance(data__flags_item, (str)):
                        raise Mismatch("" + name_prefix + ".flags[{data__flags_x}]".format(**locals()) + " must be string")
                    if data__flags_item not in ('MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES',):
                        raise Mismatch("" + name_prefix + ".flags[{data__flags_x}]".format(**locals()) + " must be one of ['MPOL_F_NUMA_BALANCING', 'MPOL_F_RELATIVE_NODES', 'MPOL_F_STATIC_NODES']")


def check_intelrdt(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "closID" in data_keys:
            data__closID = data["closID"]
            if not isinstance(data__closID, (str)):
                raise Mismatch("" + name_prefix + ".closID must be string")
        if "schemata" in data_keys:
            data__schemata = data["schemata"]
            if not isinstance(data__schemata, list):
                raise Mismatch("" + name_prefix + ".schemata must be array")
            data__schemata_is_list = isinstance(data__schemata, list)
            if data__schemata_is_list:
                data__schemata_len = len(data__schemata)
                for data__schemata_x, data__schemata_item in enumerate(data__schemata):
                    if not isinstance(data__schemata_item, (str)):
                        raise Mismatch("" + name_prefix + ".schemata[{data__schemata_x}]".format(**locals()) + " must be string")
                    if isinstance(data__schemata_item, str):
                        if not is_one_line(data__schemata_item):
                            raise Mismatch("" + name_prefix + ".schemata[{data__schemata_x}]".format(**locals()) + " must match pattern ^[^\\n]*$")
        if "l3CacheSchema" in data_keys:
            data__l3CacheSchema = data["l3CacheSchema"]
            if not isinstance(data__l3CacheSchema, (str)):
                raise Mismatch("" + name_prefix + ".l3CacheSchema must be string")
        if "memBwSchema" in data_keys:
            data__memBwSchema = data["memBwSchema"]
            if not isinstance(data__memBwSchema, (str)):
                raise Mismatch("" + name_prefix + ".memBwSchema must be string")
            if isinstance(data__memBwSchema, str):
                if not is_bandwidth_schema(data__memBwSchema):
                    raise Mismatch("" + name_prefix + ".memBwSchema must match pattern ^MB:[^\\n]*$")
        if "enableMonitoring" in data_keys:
            data__enableMonitoring = data["enableMonitoring"]
            if not isinstance(data__enableMonitoring, (bool)):
                raise Mismatch("" + name_prefix + ".enableMonitoring must be boolean")


def check_resources(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "devices" in data_keys:
            data__devices = data["devices"]
            if not isinstance(data__devices, list):
                raise Mismatch("" + name_prefix + ".devices must be array")
            data__devices_is_list = isinstance(data__devices, list)
            if data__devices_is_list:
                data__devices_len = len(data__devices)
                for data__devices_x, data__devices_item in enumerate(data__devices):
                    if not isinstance(data__devices_item, (dict)):
                        raise Mismatch("" + name_prefix + ".devices[{data__devices_x}]".format(**locals()) + " must be object")
                    data__devices_item_is_dict = isinstance(data__devices_item, dict)
                    if data__devices_item_is_dict:
                        data__devices_item__missing_keys = set(['allow']) - data__devices_item.keys()
                        if data__devices_item__missing_keys:
                            raise Mismatch("" + name_prefix + ".devices[{data__devices_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data__devices_item__missing_keys)))
                        data__devices_item_keys = data__devices_item
                        if "allow" in data__devices_item_keys:
                            data__devices_item__allow = data__devices_item["allow"]
                            if not isinstance(data__devices_item__allow, (bool)):
                                raise Mismatch("" + name_prefix + ".devices[{data__devices_x}].allow".format(**locals()) + " must be boolean")
                        if "type" in data__devices_item_keys:
                            data__devices_item__type = data__devices_item["type"]
                            if not isinstance(data__devices_item__type, (str)):
                                raise Mismatch("" + name_prefix + ".devices[{data__devices_x}].type".format(**locals()) + " must be string")
                            if data__devices_item__type not in ('a', 'b', 'c',):
                                raise Mismatch("" + name_prefix + ".devices[{data__devices_x}].type".format(**locals()) + " must be one of ['a', 'b', 'c']")
                        if "major" in data__devices_item_keys:
                            data__devices_item__major = data__devices_item["major"]
                            check_devicenumber(data__devices_item__major, name_prefix + ".devices[{data__devices_x}].major".format(**locals()))
                        if "minor" in data__devices_item_keys:
                            data__devices_item__minor = data__devices_item["minor"]
                            check_devicenumber(data__devices_item__minor, name_prefix + ".devices[{data__devices_x}].minor".format(**locals()))
                        if "access" in data__devices_item_keys:
                            data__devices_item__access = data__devices_item["access"]
                            if not isinstance(data__devices_item__access, (str)):
                                raise Mismatch("" + name_prefix + ".devices[{data__devices_x}].access".format(**locals()) + " must be string")
                            if isinstance(data__devices_item__access, str):
                                if not is_device_access(data__devices_item__access):
                                    raise Mismatch("" + name_prefix + ".devices[{data__devices_x}].access".format(**locals()) + " must match pattern ^[rwm]+$")
        if "memory" in data_keys:
            data__memory = data["memory"]
            check_memory(data__memory, name_prefix + ".memory")
        if "cpu" in data_keys:
            data__cpu = data["cpu"]
            check_cpu(data__cpu, name_prefix + ".cpu")
        if "pids" in data_keys:
            data__pids = data["pids"]
            if not isinstance(data__pids, (dict)):
                raise Mismatch("" + name_prefix + ".pids must be object")
            data__pids_is_dict = isinstance(data__pids, dict)
            if data__pids_is_dict:
                data__pids__missing_keys = set(['limit']) - data__pids.keys()
                if data__pids__missing_keys:
                    raise Mismatch("" + name_prefix + ".pids must contain " + ", ".join(sorted(data__pids__missing_keys)))
                data__pids_keys = data__pids
                if "limit" in data__pids_keys:
                    data__pids__limit = data__pids["limit"]
                    check_limit(data__pids__limit, name_prefix + ".pids.limit")
        if "blockIO" in data_keys:
            data__blockIO = data["blockIO"]
            check_blockio(data__blockIO, name_prefix + ".blockIO")
        if "hugepageLimits" in data_keys:
            data__hugepageLimits = data["hugepageLimits"]
            if not isinstance(data__hugepageLimits, list):
                raise Mismatch("" + name_prefix + ".hugepageLimits must be array")
            data__hugepageLimits_is_list = isinstance(data__hugepageLimits, list)
            if data__hugepageLimits_is_list:
                data__hugepageLimits_len = len(data__hugepageLimits)
                for data__hugepageLimits_x, data__hugepageLimits_item in enumerate(data__hugepageLimits):
                    if not isinstance(data__hugepageLimits_item, (dict)):
                        raise Mismatch("" + name_prefix + ".hugepageLimits[{data__hugepageLimits_x}]".format(**locals()) + " must be object")
                    data__hugepageLimits_item_is_dict = isinstance(data__hugepageLimits_item, dict)
                    if data__hugepageLimits_item_is_dict:
                        data__hugepageLimits_item__missing_keys = set(['pageSize', 'limit']) - data__hugepageLimits_item.keys()
                        if data__hugepageLimits_item__missing_keys:
                            raise Mismatch("" + name_prefix + ".hugepageLimits[{data__hugepageLimits_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data__hugepageLimits_item__missing_keys)))
                        data__hugepageLimits_item_keys = data__hugepageLimits_item
                        if "pageSize" in data__hugepageLimits_item_keys:
                            data__hugepageLimits_item__pageSize = data__hugepageLimits_item["pageSize"]
                            if not isinstance(data__hugepageLimits_item__pageSize, (str)):
                                raise Mismatch("" + name_prefix + ".hugepageLimits[{data__hugepageLimits_x}].pageSize".format(**locals()) + " must be string")
                            if isinstance(data__hugepageLimits_item__pageSize, str):
                                if not is_page_size(data__hugepageLimits_item__pageSize):
                                    raise Mismatch("" + name_prefix + ".hugepageLimits[{data__hugepageLimits_x}].pageSize".format(**locals()) + " must match pattern ^[1-9][0-9]*[KMG]B$")
                        if "limit" in data__hugepageLimits_item_keys:
                            data__hugepageLimits_item__limit = data__hugepageLimits_item["limit"]
                            check_uint64(data__hugepageLimits_item__limit, name_prefix + ".hugepageLimits[{data__hugepageLimits_x}].limit".format(**locals()))
        if "network" in data_keys:
            data__network = data["network"]
            if not isinstance(data__network, (dict)):
                raise Mismatch("" + name_prefix + ".network must be object")
            data__network_is_dict = isinstance(data__network, dict)
            if data__network_is_dict:
                data__network_keys = data__network
                if "classID" in data__network_keys:
                    data__network__classID = data__network["classID"]
                    check_uint32(data__network__classID, name_prefix + ".network.classID")
                if "priorities" in data__network_keys:
                    data__network__priorities = data__network["priorities"]
                    if not isinstance(data__network__priorities, list):
                        raise Mismatch("" + name_prefix + ".network.priorities must be array")
                    data__network__priorities_is_list = isinstance(data__network__priorities, list)
                    if data__network__priorities_is_list:
                        data__network__priorities_len = len(data__network__priorities)
                        for data__network__priorities_x, data__network__priorities_item in enumerate(data__network__priorities):
                            if not isinstance(data__network__priorities_item, (dict)):
                                raise Mismatch("" + name_prefix + ".network.priorities[{data__network__priorities_x}]".format(**locals()) + " must be object")
                            data__network__priorities_item_is_dict = isinstance(data__network__priorities_item, dict)
                            if data__network__priorities_item_is_dict:
                                data__network__priorities_item__missing_keys = set(['name', 'priority']) - data__network__priorities_item.keys()
                                if data__network__priorities_item__missing_keys:
                                    raise Mismatch("" + name_prefix + ".network.priorities[{data__network__priorities_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data__network__priorities_item__missing_keys)))
                                data__network__priorities_item_keys = data__network__priorities_item
                                if "name" in data__network__priorities_item_keys:
                                    data__network__priorities_item__name = data__network__priorities_item["name"]
                                    if not isinstance(data__network__priorities_item__name, (str)):
                                        raise Mismatch("" + name_prefix + ".network.priorities[{data__network__priorities_x}].name".format(**locals()) + " must be string")
                                if "priority" in data__network__priorities_item_keys:
                                    data__network__priorities_item__priority = data__network__priorities_item["priority"]
                                    check_uint32(data__network__priorities_item__priority, name_prefix + ".network.priorities[{data__network__priorities_x}].priority".format(**locals()))
        if "rdma" in data_keys:
            data__rdma = data["rdma"]
            if not isinstance(data__rdma, (dict)):
                raise Mismatch("" + name_prefix + ".rdma must be object")
            data__rdma_is_dict = isinstance(data__rdma, dict)
            if data__rdma_is_dict:
                data__rdma_keys = data__rdma
                for data__rdma_key in data__rdma_keys:
                    if data__rdma_key not in []:
                        data__rdma_value = data__rdma.get(data__rdma_key)
                        if not isinstance(data__rdma_value, (dict)):
                            raise Mismatch("" + name_prefix + ".rdma.{data__rdma_key}".format(**locals()) + " must be object")
                        data__rdma_value_is_dict = isinstance(data__rdma_value, dict)
                        if data__rdma_value_is_dict:
                            data__rdma_value_keys = data__rdma_value
                            if "hcaHandles" in data__rdma_value_keys:
                                data__rdma_value__hcaHandles = data__rdma_value["hcaHandles"]
                                check_uint32(data__rdma_value__hcaHandles, name_prefix + ".rdma.{data__rdma_key}.hcaHandles".format(**locals()))
                            if "hcaObjects" in data__rdma_value_keys:
                                data__rdma_value__hcaObjects = data__rdma_value["hcaObjects"]
                                check_uint32(data__rdma_value__hcaObjects, name_prefix + ".rdma.{data__rdma_key}.hcaObjects".format(**locals()))
        if "unified" in data_keys:
            data__unified = data["unified"]
            check_stringmap(data__unified, name_prefix + ".unified")


def check_blockio(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "weight" in data_keys:
            data__weight = data["weight"]
            check_uint16(data__weight, name_prefix + ".weight")
        if "leafWeight" in data_keys:
            data__leafWeight = data["leafWeight"]
            check_uint16(data__leafWeight, name_prefix + ".leafWeight")
        if "weightDevice" in data_keys:
            data__weightDevice = data["weightDevice"]
            if not isinstance(data__weightDevice, list):
                raise Mismatch("" + name_prefix + ".weightDevice must be array")
            data__weightDevice_is_list = isinstance(data__weightDevice, list)
            if data__weightDevice_is_list:
                data__weightDevice_len = len(data__weightDevice)
                for data__weightDevice_x, data__weightDevice_item in enumerate(data__weightDevice):
                    if not isinstance(data__weightDevice_item, (dict)):
                        raise Mismatch("" + name_prefix + ".weightDevice[{data__weightDevice_x}]".format(**locals()) + " must be object")
                    data__weightDevice_item_is_dict = isinstance(data__weightDevice_item, dict)
                    if data__weightDevice_item_is_dict:
                        data__weightDevice_item__missing_keys = set(['major', 'minor']) - data__weightDevice_item.keys()
                        if data__weightDevice_item__missing_keys:
                            raise Mismatch("" + name_prefix + ".weightDevice[{data__weightDevice_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data__weightDevice_item__missing_keys)))
                        data__weightDevice_item_keys = data__weightDevice_item
                        if "major" in data__weightDevice_item_keys:
                            data__weightDevice_item__major = data__weightDevice_item["major"]
                            check_int64(data__weightDevice_item__major, name_prefix + ".weightDevice[{data__weightDevice_x}].major".format(**locals()))
                        if "minor" in data__weightDevice_item_keys:
                            data__weightDevice_item__minor = data__weightDevice_item["minor"]
                            check_int64(data__weightDevice_item__minor, name_prefix + ".weightDevice[{data__weightDevice_x}].minor".format(**locals()))
                        if "weight" in data__weightDevice_item_keys:
                            data__weightDevice_item__weight = data__weightDevice_item["weight"]
                            check_uint16(data__weightDevice_item__weight, name_prefix + ".weightDevice[{data__weightDevice_x}].weight".format(**locals()))
                        if "leafWeight" in data__weightDevice_item_keys:
                            data__weightDevice_item__leafWeight = data__weightDevice_item["leafWeight"]
                            check_uint16(data__weightDevice_item__leafWeight, name_prefix + ".weightDevice[{data__weightDevice_x}].leafWeight".format(**locals()))
        if "throttleReadBpsDevice" in data_keys:
            data__throttleReadBpsDevice = data["throttleReadBpsDevice"]
            check_throttles(data__throttleReadBpsDevice, name_prefix + ".throttleReadBpsDevice")
        if "throttleWriteBpsDevice" in data_keys:
            data__throttleWriteBpsDevice = data["throttleWriteBpsDevice"]
            check_throttles(data__throttleWriteBpsDevice, name_prefix + ".throttleWriteBpsDevice")
        if "throttleReadIOPSDevice" in data_keys:
            data__throttleReadIOPSDevice = data["throttleReadIOPSDevice"]
            check_throttles(data__throttleReadIOPSDevice, name_prefix + ".throttleReadIOPSDevice")
        if "throttleWriteIOPSDevice" in data_keys:
            data__throttleWriteIOPSDevice = data["throttleWriteIOPSDevice"]
            check_throttles(data__throttleWriteIOPSDevice, name_prefix + ".throttleWriteIOPSDevice")


def check_throttles(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, list):
        raise Mismatch("" + name_prefix + " must be array")
    data_is_list = isinstance(data, list)
    if data_is_list:
        data_len = len(data)
        for data_x, data_item in enumerate(data):
            if not isinstance(data_item, (dict)):
                raise Mismatch("" + name_prefix + "[{data_x}]".format(**locals()) + " must be object")
            data_item_is_dict = isinstance(data_item, dict)
            if data_item_is_dict:
                data_item__missing_keys = set(['major', 'minor', 'rate']) - data_item.keys()
                if data_item__missing_keys:
                    raise Mismatch("" + name_prefix + "[{data_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data_item__missing_keys)))
                data_item_keys = data_item
                if "major" in data_item_keys:
                    data_item__major = data_item["major"]
                    check_int64(data_item__major, name_prefix + "[{data_x}].major".format(**locals()))
                if "minor" in data_item_keys:
                    data_item__minor = data_item["minor"]
                    check_int64(data_item__minor, name_prefix + "[{data_x}].minor".format(**locals()))
                if "rate" in data_item_keys:
                    data_item__rate = data_item["rate"]
                    check_uint64(data_item__rate, name_prefix + "[{data_x}].rate".format(**locals()))


def check_int64(data: object, name_prefix: str = "") -> None:
    if type(data) is not int:
        raise Mismatch("" + name_prefix + " must be integer")
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        if data < -9223372036854775808:
            raise Mismatch("" + name_prefix + " must be bigger than or equal to -9223372036854775808")
        if data > 9223372036854775807:
            raise Mismatch("" + name_prefix + " must be smaller than or equal to 9223372036854775807")


def check_uint16(data: object, name_prefix: str = "") -> None:
    if type(data) is not int:
        raise Mismatch("" + name_prefix + " must be integer")
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        if data < 0:
            raise Mismatch("" + name_prefix + " must be bigger than or equal to 0")
        if data > 65535:
            raise Mismatch("" + name_prefix + " must be smaller than or equal to 65535")


def check_limit(data: object, name_prefix: str = "") -> None:
    if type(data) is not int:
        raise Mismatch("" + name_prefix + " must be integer")
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        if data < -1:
            raise Mismatch("" + name_prefix + " must be bigger than or equal to -1")
        if data > 9223372036854775807:
            raise Mismatch("" + name_prefix + " must be smaller than or equal to 9223372036854775807")


def check_cpu(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "shares" in data_keys:
            data__shares = data["shares"]
            check_uint64(data__shares, name_prefix + ".shares")
        if "quota" in data_keys:
            data__quota = data["quota"]
            check_int64(data__quota, name_prefix + ".quota")
        if "burst" in data_keys:
            data__burst = data["burst"]
            check_uint64(data__burst, name_prefix + ".burst")
        if "period" in data_keys:
            data__period = data["period"]
            check_uint64(data__period, name_prefix + ".period")
        if "realtimeRuntime" in data_keys:
            data__realtimeRuntime = data["realtimeRuntime"]
            check_int64(data__realtimeRuntime, name_prefix + ".realtimeRuntime")
        if "realtimePeriod" in data_keys:
            data__realtimePeriod = data["realtimePeriod"]
            check_uint64(data__realtimePeriod, name_prefix + ".realtimePeriod")
        if "cpus" in data_keys:
            data__cpus = data["cpus"]
            if not isinstance(data__cpus, (str)):
                raise Mismatch("" + name_prefix + ".cpus must be string")
        if "mems" in data_keys:
            data__mems = data["mems"]
            if not isinstance(data__mems, (str)):
                raise Mismatch("" + name_prefix + ".mems must be string")
        if "idle" in data_keys:
            data__idle = data["idle"]
            if type(data__idle) is not int:
                raise Mismatch("" + name_prefix + ".idle must be integer")
            if isinstance(data__idle, (int, float)) and not isinstance(data__idle, bool):
                if data__idle < 0:
                    raise Mismatch("" + name_prefix + ".idle must be bigger than or equal to 0")
                if data__idle > 1:
                    raise Mismatch("" + name_prefix + ".idle must be smaller than or equal to 1")


def check_memory(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "limit" in data_keys:
            data__limit = data["limit"]
            check_limit(data__limit, name_prefix + ".limit")
        if "reservation" in data_keys:
            data__reservation = data["reservation"]
            check_limit(data__reservation, name_prefix + ".reservation")
        if "swap" in data_keys:
            data__swap = data["swap"]
            check_limit(data__swap, name_prefix + ".swap")
        if "kernel" in data_keys:
            data__kernel = data["kernel"]
            check_limit(data__kernel, name_prefix + ".kernel")
        if "kernelTCP" in data_keys:
            data__kernelTCP = data["kernelTCP"]
            check_limit(data__kernelTCP, name_prefix + ".kernelTCP")
        if "swappiness" in data_keys:
            data__swappiness = data["swappiness"]
            if type(data__swappiness) is not int:
                raise Mismatch("" + name_prefix + ".swappiness must be integer")
            if isinstance(data__swappiness, (int, float)) and not isinstance(data__swappiness, bool):
                if data__swappiness < 0:
                    raise Mismatch("" + name_prefix + ".swappiness must be bigger than or equal to 0")
                if data__swappiness > 100:
                    raise Mismatch("" + name_prefix + ".swappiness must be smaller than or equal to 100")
        if "disableOOMKiller" in data_keys:
            data__disableOOMKiller = data["disableOOMKiller"]
            if not isinstance(data__disableOOMKiller, (bool)):
                raise Mismatch("" + name_prefix + ".disableOOMKiller must be boolean")
        if "useHierarchy" in data_keys:
            data__useHierarchy = data["useHierarchy"]
            if not isinstance(data__useHierarchy, (bool)):
                raise Mismatch("" + name_prefix + ".useHierarchy must be boolean")
        if "checkBeforeUpdate" in data_keys:
            data__checkBeforeUpdate = data["checkBeforeUpdate"]
            if not isinstance(data__checkBeforeUpdate, (bool)):
                raise Mismatch("" + name_prefix + ".checkBeforeUpdate must be boolean")


def check_devicenumber(data: object, name_prefix: str = "") -> None:
    if type(data) is not int:
        raise Mismatch("" + name_prefix + " must be integer")
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        if data < -1:
            raise Mismatch("" + name_prefix + " must be bigger than or equal to -1")
        if data > 9223372036854775807:
            raise Mismatch("" + name_prefix + " must be smaller than or equal to 9223372036854775807")


def check_netdevices(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        for data_key in data_keys:
            if data_key not in []:
                data_value = data.get(data_key)
                if not isinstance(data_value, (dict)):
                    raise Mismatch("" + name_prefix + ".{data_key}".format(**locals()) + " must be object")
                data_value_is_dict = isinstance(data_value, dict)
                if data_value_is_dict:
                    data_value_keys = data_value
                    if "name" in data_value_keys:
                        data_value__name = data_value["name"]
                        if not isinstance(data_value__name, (str)):
                            raise Mismatch("" + name_prefix + ".{data_key}.name".format(**locals()) + " must be string")


def check_device(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['type', 'path']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "type" in data_keys:
            data__type = data["type"]
            if not isinstance(data__type, (str)):
                raise Mismatch("" + name_prefix + ".type must be string")
            if data__type not in ('c', 'b', 'u', 'p',):
                raise Mismatch("" + name_prefix + ".type must be one of ['c', 'b', 'u', 'p']")
        if "path" in data_keys:
            data__path = data["path"]
            check_absolutepath(data__path, name_prefix + ".path")
        if "major" in data_keys:
            data__major = data["major"]
            check_int64(data__major, name_prefix + ".major")
        if "minor" in data_keys:
            data__minor = data["minor"]
            check_int64(data__minor, name_prefix + ".minor")
        if "fileMode" in data_keys:
            data__fileMode = data["fileMode"]
            if type(data__fileMode) is not int:
                raise Mismatch("" + name_prefix + ".fileMode must be integer")
            if isinstance(data__fileMode, (int, float)) and not isinstance(data__fileMode, bool):
                if data__fileMode < 0:
                    raise Mismatch("" + name_prefix + ".fileMode must be bigger than or equal to 0")
                if data__fileMode > 65535:
                    raise Mismatch("" + name_prefix + ".fileMode must be smaller than or equal to 65535")
        if "uid" in data_keys:
            data__uid = data["uid"]
            check_uint32(data__uid, name_prefix + ".uid")
        if "gid" in data_keys:
            data__gid = data["gid"]
            check_uint32(data__gid, name_prefix + ".gid")


def check_timeoffsets(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "monotonic" in data_keys:
            data__monotonic = data["monotonic"]
            check_timeoffset(data__monotonic, name_prefix + ".monotonic")
        if "boottime" in data_keys:
            data__boottime = data["boottime"]
            check_timeoffset(data__boottime, name_prefix + ".boottime")


def check_timeoffset(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "secs" in data_keys:
            data__secs = data["secs"]
            check_int64(data__secs, name_prefix + ".secs")
        if "nanosecs" in data_keys:
            data__nanosecs = data["nanosecs"]
            check_uint32(data__nanosecs, name_prefix + ".nanosecs")


def check_idmappings(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, list):
        raise Mismatch("" + name_prefix + " must be array")
    data_is_list = isinstance(data, list)
    if data_is_list:
        data_len = len(data)
        for data_x, data_item in enumerate(data):
            if not isinstance(data_item, (dict)):
                raise Mismatch("" + name_prefix + "[{data_x}]".format(**locals()) + " must be object")
            data_item_is_dict = isinstance(data_item, dict)
            if data_item_is_dict:
                data_item__missing_keys = set(['containerID', 'hostID', 'size']) - data_item.keys()
                if data_item__missing_keys:
                    raise Mismatch("" + name_prefix + "[{data_x}]".format(**locals()) + " must contain " + ", ".join(sorted(data_item__missing_keys)))
                data_item_keys = data_item
                if "containerID" in data_item_keys:
                    data_item__containerID = data_item["containerID"]
                    check_uint32(data_item__containerID, name_prefix + "[{data_x}].containerID".format(**locals()))
                if "hostID" in data_item_keys:
                    data_item__hostID = data_item["hostID"]
                    check_uint32(data_item__hostID, name_prefix + "[{data_x}].hostID".format(**locals()))
                if "size" in data_item_keys:
                    data_item__size = data_item["size"]
                    check_uint32(data_item__size, name_prefix + "[{data_x}].size".format(**locals()))


def check_annotations(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        for data_key in data_keys:
            if data_key not in []:
                data_value = data.get(data_key)
                if not isinstance(data_value, (str)):
                    raise Mismatch("" + name_prefix + ".{data_key}".format(**locals()) + " must be string")
        data_len = len(data)
        if data_len != 0:
            data_property_names = True
            for data_key in data:
                try:
                    if isinstance(data_key, str):
                        data_key_len = len(data_key)
                        if data_key_len < 1:
                            raise Mismatch("" + name_prefix + " must be longer than or equal to 1 characters")
                except Mismatch:
                    data_property_names = False
            if not data_property_names:
                raise Mismatch("" + name_prefix + " must be named by propertyName definition")


def check_hooks(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data_keys = data
        if "prestart" in data_keys:
            data__prestart = data["prestart"]
            check_hooklist(data__prestart, name_prefix + ".prestart")
        if "createRuntime" in data_keys:
            data__createRuntime = data["createRuntime"]
            check_hooklist(data__createRuntime, name_prefix + ".createRuntime")
        if "createContainer" in data_keys:
            data__createContainer = data["createContainer"]
            check_hooklist(data__createContainer, name_prefix + ".createContainer")
        if "startContainer" in data_keys:
            data__startContainer = data["startContainer"]
            check_hooklist(data__startContainer, name_prefix + ".startContainer")
        if "poststart" in data_keys:
            data__poststart = data["poststart"]
            check_hooklist(data__poststart, name_prefix + ".poststart")
        if "poststop" in data_keys:
            data__poststop = data["poststop"]
            check_hooklist(data__poststop, name_prefix + ".poststop")


def check_hooklist(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, list):
        raise Mismatch("" + name_prefix + " must be array")
    data_is_list = isinstance(data, list)
    if data_is_list:
        data_len = len(data)
        for data_x, data_item in enumerate(data):
            check_hook(data_item, name_prefix + "[{data_x}]".format(**locals()))


def check_hook(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['path']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "path" in data_keys:
            data__path = data["path"]
            check_absolutepath(data__path, name_prefix + ".path")
        if "args" in data_keys:
            data__args = data["args"]
            check_strings(data__args, name_prefix + ".args")
        if "env" in data_keys:
            data__env = data["env"]
            check_strings(data__env, name_prefix + ".env")
        if "timeout" in data_keys:
            data__timeout = data["timeout"]
            if type(data__timeout) is not int:
                raise Mismatch("" + name_prefix + ".timeout must be integer")
            if isinstance(data__timeout, (int, float)) and not isinstance(data__timeout, bool):
                if data__timeout < 1:
                    raise Mismatch("" + name_prefix + ".timeout must be bigger than or equal to 1")


def check_process(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['cwd']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "terminal" in data_keys:
            data__terminal = data["terminal"]
            if not isinstance(data__terminal, (bool)):
                raise Mismatch("" + name_prefix + ".terminal must be boolean")
        if "consoleSize" in data_keys:
            data__consoleSize = data["consoleSize"]
            if not isinstance(data__consoleSize, (dict)):
                raise Mismatch("" + name_prefix + ".consoleSize must be object")
            data__consoleSize_is_dict = isinstance(data__consoleSize, dict)
            if data__consoleSize_is_dict:
                data__consoleSize__missing_keys = set(['height', 'width']) - data__consoleSize.keys()
                if data__consoleSize__missing_keys:
                    raise Mismatch("" + name_prefix + ".consoleSize must contain " + ", ".join(sorted(data__consoleSize__missing_keys)))
                data__consoleSize_keys = data__consoleSize
                if "height" in data__consoleSize_keys:
                    data__consoleSize__height = data__consoleSize["height"]
                    check_uint64(data__consoleSize__height, name_prefix + ".consoleSize.height")
                if "width" in data__consoleSize_keys:
                    data__consoleSize__width = data__consoleSize["width"]
                    check_uint64(data__consoleSize__width, name_prefix + ".consoleSize.width")
        if "cwd" in data_keys:
            data__cwd = data["cwd"]
            check_absolutepath(data__cwd, name_prefix + ".cwd")
        if "env" in data_keys:
            data__env = data["env"]
            check_strings(data__env, name_prefix + ".env")
        if "args" in data_keys:
            data__args = data["args"]
            check_strings(data__args, name_prefix + ".args")
        if "commandLine" in data_keys:
            data__commandLine = data["commandLine"]
            if not isinstance(data__commandLine, (str)):
                raise Mismatch("" + name_prefix + ".commandLine must be string")
        if "user" in data_keys:
            data__user = data["user"]
            if not isinstance(data__user, (dict)):
                raise Mismatch("" + name_prefix + ".user must be object")
            data__user_is_dict = isinstance(data__user, dict)
            if data__user_is_dict:
                data__user__missing_keys = set(['uid', 'gid']) - data__user.keys()
                if data__user__missing_keys:
                    raise Mismatch("" + name_prefix + ".user must contain " + ", ".join(sorted(data__user__missing_keys)))
                data__user_keys = data__user
                if "uid" in data__user_keys:
                    data__user__uid = data__user["uid"]
                    check_uint32(data__user__uid, name_prefix + ".user.uid")
                if "gid" in data__user_keys:
                    data__user__gid = data__user["gid"]
                    check_uint32(data__user__gid, name_prefix + ".user.gid")
                if "umask" in data__user_keys:
                    data__user__umask = data__user["umask"]
                    if type(data__user__umask) is not int:
                        raise Mismatch("" + name_prefix + ".user.umask must be integer")
                    if isinstance(data__user__umask, (int, float)) and not isinstance(data__user__umask, bool):
                        if data__user__umask < 0:
                            raise Mismatch("" + name_prefix + ".user.umask must be bigger than or equal to 0")
                        if data__user__umask > 511:
                            raise Mismatch("" + name_prefix + ".user.umask must be smaller than or equal to 511")
                if "additionalGids" in data__user_keys:
                    data__user__additionalGids = data__user["additionalGids"]
                    if not isinstance(data__user__additionalGids, list):
                        raise Mismatch("" + name_prefix + ".user.additionalGids must be array")
                    data__user__additionalGids_is_list = isinstance(data__user__additionalGids, list)
                    if data__user__additionalGids_is_list:
                        data__user__additionalGids_len = len(data__user__additionalGids)
                        for data__user__additionalGids_x, data__user__additionalGids_item in enumerate(data__user__additionalGids):
                            check_uint32(data__user__additionalGids_item, name_prefix + ".user.additionalGids[{data__user__additionalGids_x}]".format(**locals()))
                if "username" in data__user_keys:
                    data__user__username = data__user["username"]
                    if not isinstance(data__user__username, (str)):
                        raise Mismatch("" + name_prefix + ".user.username must be string")
        if "rlimits" in data_keys:
            data__rlimits = data["rlimits"]
            if not isinstance(data__rlimits, list):
                raise Mismatch("" + name_prefix + ".rlimits must be array")
            data__rlimits_is_list = isinstance(data__rlimits, list)
            if data__rlimits_is_list:
                data__rlimits_len = len(data__rlimits)
                for data__rlimits_x, data__rlimits_item in enumerate(data__rlimits):
                    check_rlimit(data__rlimits_item, name_prefix + ".rlimits[{data__rlimits_x}]".format(**locals()))
        if "capabilities" in data_keys:
            data__capabilities = data["capabilities"]
            if not isinstance(data__capabilities, (dict)):
                raise Mismatch("" + name_prefix + ".capabilities must be object")
            data__capabilities_is_dict = isinstance(data__capabilities, dict)
            if data__capabilities_is_dict:
                data__capabilities_keys = data__capabilities
                if "bounding" in data__capabilities_keys:
                    data__capabilities__bounding = data__capabilities["bounding"]
                    check_strings(data__capabilities__bounding, name_prefix + ".capabilities.bounding")
                if "permitted" in data__capabilities_keys:
                    data__capabilities__permitted = data__capabilities["permitted"]
                    check_strings(data__capabilities__permitted, name_prefix + ".capabilities.permitted")
                if "effective" in data__capabilities_keys:
                    data__capabilities__effective = data__capabilities["effective"]
                    check_strings(data__capabilities__effective, name_prefix + ".capabilities.effective")
                if "inheritable" in data__capabilities_keys:
                    data__capabilities__inheritable = data__capabilities["inheritable"]
                    check_strings(data__capabilities__inheritable, name_prefix + ".capabilities.inheritable")
                if "ambient" in data__capabilities_keys:
                    data__capabilities__ambient = data__capabilities["ambient"]
                    check_strings(data__capabilities__ambient, name_prefix + ".capabilities.ambient")
        if "noNewPrivileges" in data_keys:
            data__noNewPrivileges = data["noNewPrivileges"]
            if not isinstance(data__noNewPrivileges, (bool)):
                raise Mismatch("" + name_prefix + ".noNewPrivileges must be boolean")
        if "oomScoreAdj" in data_keys:
            data__oomScoreAdj = data["oomScoreAdj"]
            if type(data__oomScoreAdj) is not int:
                raise Mismatch("" + name_prefix + ".oomScoreAdj must be integer")
            if isinstance(data__oomScoreAdj, (int, float)) and not isinstance(data__oomScoreAdj, bool):
                if data__oomScoreAdj < -1000:
                    raise Mismatch("" + name_prefix + ".oomScoreAdj must be bigger than or equal to -1000")
                if data__oomScoreAdj > 1000:
                    raise Mismatch("" + name_prefix + ".oomScoreAdj must be smaller than or equal to 1000")
        if "apparmorProfile" in data_keys:
            data__apparmorProfile = data["apparmorProfile"]
            if not isinstance(data__apparmorProfile, (str)):
                raise Mismatch("" + name_prefix + ".apparmorProfile must be string")
        if "selinuxLabel" in data_keys:
            data__selinuxLabel = data["selinuxLabel"]
            if not isinstance(data__selinuxLabel, (str)):
                raise Mismatch("" + name_prefix + ".selinuxLabel must be string")
        if "scheduler" in data_keys:
            data__scheduler = data["scheduler"]
            check_scheduler(data__scheduler, name_prefix + ".scheduler")
        if "ioPriority" in data_keys:
            data__ioPriority = data["ioPriority"]
            if not isinstance(data__ioPriority, (dict)):
                raise Mismatch("" + name_prefix + ".ioPriority must be object")
            data__ioPriority_is_dict = isinstance(data__ioPriority, dict)
            if data__ioPriority_is_dict:
                data__ioPriority__missing_keys = set(['class', 'priority']) - data__ioPriority.keys()
                if data__ioPriority__missing_keys:
                    raise Mismatch("" + name_prefix + ".ioPriority must contain " + ", ".join(sorted(data__ioPriority__missing_keys)))
                data__ioPriority_keys = data__ioPriority
                if "class" in data__ioPriority_keys:
                    data__ioPriority__class = data__ioPriority["class"]
                    if not isinstance(data__ioPriority__class, (str)):
                        raise Mismatch("" + name_prefix + ".ioPriority.class must be string")
                    if data__ioPriority__class not in ('IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE',):
                        raise Mismatch("" + name_prefix + ".ioPriority.class must be one of ['IOPRIO_CLASS_RT', 'IOPRIO_CLASS_BE', 'IOPRIO_CLASS_IDLE']")
                if "priority" in data__ioPriority_keys:
                    data__ioPriority__priority = data__ioPriority["priority"]
                    if type(data__ioPriority__priority) is not int:
                        raise Mismatch("" + name_prefix + ".ioPriority.priority must be integer")
                    if isinstance(data__ioPriority__priority, (int, float)) and not isinstance(data__ioPriority__priority, bool):
                        if data__ioPriority__priority < 0:
                            raise Mismatch("" + name_prefix + ".ioPriority.priority must be bigger than or equal to 0")
                        if data__ioPriority__priority > 7:
                            raise Mismatch("" + name_prefix + ".ioPriority.priority must be smaller than or equal to 7")
        if "execCPUAffinity" in data_keys:
            data__execCPUAffinity = data["execCPUAffinity"]
            if not isinstance(data__execCPUAffinity, (dict)):
                raise Mismatch("" + name_prefix + ".execCPUAffinity must be object")
            data__execCPUAffinity_is_dict = isinstance(data__execCPUAffinity, dict)
            if data__execCPUAffinity_is_dict:
                data__execCPUAffinity_keys = data__execCPUAffinity
                if "initial" in data__execCPUAffinity_keys:
                    data__execCPUAffinity__initial = data__execCPUAffinity["initial"]
                    check_cpulist(data__execCPUAffinity__initial, name_prefix + ".execCPUAffinity.initial")
                if "final" in data__execCPUAffinity_keys:
                    data__execCPUAffinity__final = data__execCPUAffinity["final"]
                    check_cpulist(data__execCPUAffinity__final, name_prefix + ".execCPUAffinity.final")


def check_cpulist(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (str)):
        raise Mismatch("" + name_prefix + " must be string")
    if isinstance(data, str):
        if not is_cpu_list(data):
            raise Mismatch("" + name_prefix + " must match pattern ^[0-9, -]*$")


def check_scheduler(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['policy']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "policy" in data_keys:
            data__policy = data["policy"]
            if not isinstance(data__policy, (str)):
                raise Mismatch("" + name_prefix + ".policy must be string")
            if data__policy not in ('SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_ISO', 'SCHED_IDLE', 'SCHED_DEADLINE',):
                raise Mismatch("" + name_prefix + ".policy must be one of ['SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_ISO', 'SCHED_IDLE', 'SCHED_DEADLINE']")
        if "nice" in data_keys:
            data__nice = data["nice"]
            check_int32(data__nice, name_prefix + ".nice")
        if "priority" in data_keys:
            data__priority = data["priority"]
            check_int32(data__priority, name_prefix + ".priority")
        if "flags" in data_keys:
            data__flags = data["flags"]
            if not isinstance(data__flags, list):
                raise Mismatch("" + name_prefix + ".flags must be array")
            data__flags_is_list = isinstance(data__flags, list)
            if data__flags_is_list:
                data__flags_len = len(data__flags)
                for data__flags_x, data__flags_item in enumerate(data__flags):
                    if not isinstance(data__flags_item, (str)):
                        raise Mismatch("" + name_prefix + ".flags[{data__flags_x}]".format(**locals()) + " must be string")
                    if data__flags_item not in ('SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM', 'SCHED_FLAG_DL_OVERRUN', 'SCHED_FLAG_KEEP_POLICY', 'SCHED_FLAG_KEEP_PARAMS', 'SCHED_FLAG_UTIL_CLAMP_MIN', 'SCHED_FLAG_UTIL_CLAMP_MAX',):
                        raise Mismatch("" + name_prefix + ".flags[{data__flags_x}]".format(**locals()) + " must be one of ['SCHED_FLAG_RESET_ON_FORK', 'SCHED_FLAG_RECLAIM', 'SCHED_FLAG_DL_OVERRUN', 'SCHED_FLAG_KEEP_POLICY', 'SCHED_FLAG_KEEP_PARAMS', 'SCHED_FLAG_UTIL_CLAMP_MIN', 'SCHED_FLAG_UTIL_CLAMP_MAX']")
        if "runtime" in data_keys:
            data__runtime = data["runtime"]
            check_uint64(data__runtime, name_prefix + ".runtime")
        if "deadline" in data_keys:
            data__deadline = data["deadline"]
            check_uint64(data__deadline, name_prefix + ".deadline")
        if "period" in data_keys:
            data__period = data["period"]
            check_uint64(data__period, name_prefix + ".period")


def check_int32(data: object, name_prefix: str = "") -> None:
    if type(data) is not int:
        raise Mismatch("" + name_prefix + " must be integer")
    if isinstance(data, (int, float)) and not isinstance(data, bool):
        if data < -2147483648:
            raise Mismatch("" + name_prefix + " must be bigger than or equal to -2147483648")
        if data > 2147483647:
            raise Mismatch("" + name_prefix + " must be smaller than or equal to 2147483647")


def check_rlimit(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['type', 'soft', 'hard']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "type" in data_keys:
            data__type = data["type"]
            if not isinstance(data__type, (str)):
                raise Mismatch("" + name_prefix + ".type must be string")
            if data__type not in ('RLIMIT_AS', 'RLIMIT_CORE', 'RLIMIT_CPU', 'RLIMIT_DATA', 'RLIMIT_FSIZE', 'RLIMIT_LOCKS', 'RLIMIT_MEMLOCK', 'RLIMIT_MSGQUEUE', 'RLIMIT_NICE', 'RLIMIT_NOFILE', 'RLIMIT_NPROC', 'RLIMIT_RSS', 'RLIMIT_RTPRIO', 'RLIMIT_RTTIME', 'RLIMIT_SIGPENDING', 'RLIMIT_STACK',):
                raise Mismatch("" + name_prefix + ".type must be one of ['RLIMIT_AS', 'RLIMIT_CORE', 'RLIMIT_CPU', 'RLIMIT_DATA', 'RLIMIT_FSIZE', 'RLIMIT_LOCKS', 'RLIMIT_MEMLOCK', 'RLIMIT_MSGQUEUE', 'RLIMIT_NICE', 'RLIMIT_NOFILE', 'RLIMIT_NPROC', 'RLIMIT_RSS', 'RLIMIT_RTPRIO', 'RLIMIT_RTTIME', 'RLIMIT_SIGPENDING', 'RLIMIT_STACK']")
        if "soft" in data_keys:
            data__soft = data["soft"]
            check_uint64(data__soft, name_prefix + ".soft")
        if "hard" in data_keys:
            data__hard = data["hard"]
            check_uint64(data__hard, name_prefix + ".hard")


def check_mount(data: object, name_prefix: str = "") -> None:
    if not isinstance(data, (dict)):
        raise Mismatch("" + name_prefix + " must be object")
    data_is_dict = isinstance(data, dict)
    if data_is_dict:
        data__missing_keys = set(['destination']) - data.keys()
        if data__missing_keys:
            raise Mismatch("" + name_prefix + " must contain " + ", ".join(sorted(data__missing_keys)))
        data_keys = data
        if "destination" in data_keys:
            data__destination = data["destination"]
            if not isinstance(data__destination, (str)):
                raise Mismatch("" + name_prefix + ".destination must be string")
        if "source" in data_keys:
            data__source = data["source"]
            if not isinstance(data__source, (str)):
                raise Mismatch("" + name_prefix + ".source must be string")
        if "type" in data_keys:
            data__type = data["type"]
            if not isinstance(data__type, (str)):
                raise Mismatch("" + name_prefix + ".type must be string")
        if "options" in data_keys:
            data__options = data["options"]
            check_strings(data__options, name_prefix + ".options")
        if "uidMappings" in data_keys:
            data__uidMappings = data["uidMappings"]
            check_idmappings(data__uidMappings, name_prefix + ".uidMappings")
        if "gidMappings" in data_keys:
            data__gidMappings = data["gidMappings"]
            check_idmappings(data__gidMappings, name_prefix + ".gidMappings")
    return data
