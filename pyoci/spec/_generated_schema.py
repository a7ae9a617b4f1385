"""Made from schemas/config.json by hack/generate-checks: change that and run it again."""

# fmt: off
# ruff: noqa: RUF100, E501, I001, N802, N806, PLR0915
from __future__ import annotations

CONFIG: dict[str, object] = \
{'$schema': 'http://json-schema.org/draft-07/schema#',
 'title': 'a container configuration',
 'description': 'config.json of an OCI bundle for Linux, Runtime Specification 1.0 to 1.3. A title is '
                "the requirement in an error's words; unknown properties are allowed everywhere.",
 'type': 'object',
 'required': ['ociVersion'],
 'properties': {'ociVersion': {'description': 'Version of the specification that the bundle complies '
                                              'with. Versions of one major are compatible both ways, so '
                                              'any 1.x is taken and nothing else.',
                               'title': 'a version 1.x.y (SemVer 2.0)',
                               'type': 'string',
                               'pattern': '^1\\.(0|[1-9][0-9]*)\\.(0|[1-9][0-9]*)(-(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(\\.(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*)?(\\+[0-9A-Za-z-]+(\\.[0-9A-Za-z-]+)*)?$'},
                'root': {'description': 'The root file system.',
                         'type': 'object',
                         'required': ['path'],
                         'properties': {'path': {'description': 'A directory, absolute or relative to '
                                                                'the bundle.',
                                                 'type': 'string'},
                                        'readonly': {'description': 'Mount it read-only in the '
                                                                    'container.',
                                                     'type': 'boolean'}}},
                'mounts': {'description': 'Mounted over the root file system, in this order.',
                           'type': 'array',
                           'items': {'$ref': '#/definitions/mount'}},
                'process': {'$ref': '#/definitions/process'},
                'hostname': {'description': "Name of the host in the container's UTS namespace.",
                             'type': 'string'},
                'domainname': {'description': "NIS domain name in the container's UTS namespace.",
                               'type': 'string'},
                'hooks': {'$ref': '#/definitions/hooks'},
                'annotations': {'$ref': '#/definitions/annotations'},
                'linux': {'$ref': '#/definitions/linux'},
                'freebsd': {'$ref': '#/definitions/otherPlatform'},
                'solaris': {'$ref': '#/definitions/otherPlatform'},
                'vm': {'$ref': '#/definitions/otherPlatform'},
                'windows': {'$ref': '#/definitions/otherPlatform'},
                'zos': {'$ref': '#/definitions/otherPlatform'}},
 'definitions': {'process': {'description': 'What runs in the container. `create` does without, `start` '
                                            'needs it.',
                             'type': 'object',
                             'required': ['cwd'],
                             'properties': {'terminal': {'description': 'Attach a pseudoterminal to '
                                                                        'standard input, output and '
                                                                        'error.',
                                                         'type': 'boolean'},
                                            'consoleSize': {'description': 'Size of the terminal in '
                                                                           'characters; ignored without '
                                                                           '`terminal`.',
                                                            'type': 'object',
                                                            'properties': {'height': {'$ref': '#/definitions/uint64'},
                                                                           'width': {'$ref': '#/definitions/uint64'}}},
                                            'cwd': {'$ref': '#/definitions/absolutePath'},
                                            'env': {'description': 'NAME=value, each.',
                                                    '$ref': '#/definitions/strings'},
                                            'args': {'description': 'The program, looked up in the '
                                                                    "container's PATH, and its "
                                                                    'arguments.',
                                                     '$ref': '#/definitions/strings'},
                                            'commandLine': {'description': 'Windows only.',
                                                            'type': 'string'},
                                            'user': {'description': "IDs in the container's user "
                                                                    'namespace.',
                                                     'type': 'object',
                                                     'properties': {'uid': {'description': '0 when '
                                                                                           'missing, as '
                                                                                           'in runc.',
                                                                            '$ref': '#/definitions/uint32'},
                                                                    'gid': {'description': '0 when '
                                                                                           'missing, as '
                                                                                           'in runc.',
                                                                            '$ref': '#/definitions/uint32'},
                                                                    'umask': {'description': 'In '
                                                                                             'decimal. '
                                                                                             'umask(2) '
                                                                                             'drops the '
                                                                                             'bits above '
                                                                                             '0777 '
                                                                                             'silently.',
                                                                              'title': 'a umask from 0 '
                                                                                       'to 511 (0777)',
                                                                              'type': 'integer',
                                                                              'minimum': 0,
                                                                              'maximum': 511},
                                                                    'additionalGids': {'type': 'array',
                                                                                       'items': {'$ref': '#/definitions/uint32'}},
                                                                    'username': {'description': 'Windows '
                                                                                                'only: '
                                                                                                'ignored.',
                                                                                 'type': 'string'}}},
                                            'rlimits': {'type': 'array',
                                                        'items': {'$ref': '#/definitions/rlimit'}},
                                            'capabilities': {'description': 'Names as in '
                                                                            'capabilities(7). An unknown '
                                                                            'one is a warning, not an '
                                                                            'error.',
                                                             'type': 'object',
                                                             'properties': {'bounding': {'$ref': '#/definitions/strings'},
                                                                            'permitted': {'$ref': '#/definitions/strings'},
                                                                            'effective': {'$ref': '#/definitions/strings'},
                                                                            'inheritable': {'$ref': '#/definitions/strings'},
                                                                            'ambient': {'$ref': '#/definitions/strings'}}},
                                            'noNewPrivileges': {'description': 'PR_SET_NO_NEW_PRIVS.',
                                                                'type': 'boolean'},
                                            'oomScoreAdj': {'description': 'See proc(5); left alone when '
                                                                           'absent.',
                                                            'title': 'an integer from -1000 to 1000',
                                                            'type': 'integer',
                                                            'minimum': -1000,
                                                            'maximum': 1000},
                                            'apparmorProfile': {'type': 'string'},
                                            'selinuxLabel': {'type': 'string'},
                                            'scheduler': {'$ref': '#/definitions/scheduler'},
                                            'ioPriority': {'description': 'See ioprio_set(2).',
                                                           'type': 'object',
                                                           'required': ['class'],
                                                           'properties': {'class': {'type': 'string',
                                                                                    'enum': ['IOPRIO_CLASS_RT',
                                                                                             'IOPRIO_CLASS_BE',
                                                                                             'IOPRIO_CLASS_IDLE']},
                                                                          'priority': {'title': 'an '
                                                                                                'integer '
                                                                                                'from 0 '
                                                                                                '(highest) '
                                                                                                'to 7',
                                                                                       'type': 'integer',
                                                                                       'minimum': 0,
                                                                                       'maximum': 7}}},
                                            'execCPUAffinity': {'description': 'CPUs for processes that '
                                                                               'are added later, before '
                                                                               'and after they join the '
                                                                               'cgroup.',
                                                                'type': 'object',
                                                                'properties': {'initial': {'$ref': '#/definitions/cpuList'},
                                                                               'final': {'$ref': '#/definitions/cpuList'}}}}},
                 'rlimit': {'type': 'object',
                            'required': ['type', 'soft', 'hard'],
                            'properties': {'type': {'description': 'getrlimit(2). Others cannot be '
                                                                   'mapped to the kernel, which the '
                                                                   'specification calls an error.',
                                                    'type': 'string',
                                                    'enum': ['RLIMIT_AS', 'RLIMIT_CORE', 'RLIMIT_CPU',
                                                             'RLIMIT_DATA', 'RLIMIT_FSIZE',
                                                             'RLIMIT_LOCKS', 'RLIMIT_MEMLOCK',
                                                             'RLIMIT_MSGQUEUE', 'RLIMIT_NICE',
                                                             'RLIMIT_NOFILE', 'RLIMIT_NPROC',
                                                             'RLIMIT_RSS', 'RLIMIT_RTPRIO',
                                                             'RLIMIT_RTTIME', 'RLIMIT_SIGPENDING',
                                                             'RLIMIT_STACK']},
                                           'soft': {'$ref': '#/definitions/uint64'},
                                           'hard': {'$ref': '#/definitions/uint64'}}},
                 'scheduler': {'description': 'See sched_setattr(2) and sched(7).',
                               'type': 'object',
                               'required': ['policy'],
                               'properties': {'policy': {'type': 'string',
                                                         'enum': ['SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR',
                                                                  'SCHED_BATCH', 'SCHED_ISO',
                                                                  'SCHED_IDLE', 'SCHED_DEADLINE']},
                                              'nice': {'$ref': '#/definitions/int32'},
                                              'priority': {'$ref': '#/definitions/int32'},
                                              'flags': {'type': 'array',
                                                        'items': {'type': 'string',
                                                                  'enum': ['SCHED_FLAG_RESET_ON_FORK',
                                                                           'SCHED_FLAG_RECLAIM',
                                                                           'SCHED_FLAG_DL_OVERRUN',
                                                                           'SCHED_FLAG_KEEP_POLICY',
                                                                           'SCHED_FLAG_KEEP_PARAMS',
                                                                           'SCHED_FLAG_UTIL_CLAMP_MIN',
                                                                           'SCHED_FLAG_UTIL_CLAMP_MAX']}},
                                              'runtime': {'description': 'Nanoseconds.',
                                                          '$ref': '#/definitions/uint64'},
                                              'deadline': {'description': 'Nanoseconds.',
                                                           '$ref': '#/definitions/uint64'},
                                              'period': {'description': 'Nanoseconds.',
                                                         '$ref': '#/definitions/uint64'}}},
                 'mount': {'type': 'object',
                           'required': ['destination'],
                           'properties': {'destination': {'description': 'In the container; a relative '
                                                                         'one is deprecated and counts '
                                                                         'from /.',
                                                          'type': 'string'},
                                          'source': {'description': 'Device, directory or file; for bind '
                                                                    'mounts absolute or relative to the '
                                                                    'bundle.',
                                                     'type': 'string'},
                                          'type': {'description': 'As in /proc/filesystems; a dummy for '
                                                                  'bind mounts.',
                                                   'type': 'string'},
                                          'options': {'description': 'Those that pyoci does not know go '
                                                                     'to the file system.',
                                                      '$ref': '#/definitions/strings'},
                                          'uidMappings': {'$ref': '#/definitions/idMappings'},
                                          'gidMappings': {'$ref': '#/definitions/idMappings'}}},
                 'hooks': {'description': 'Programs run at points of the life cycle, each with the state '
                                          'on standard input.',
                           'type': 'object',
                           'properties': {'prestart': {'description': 'Deprecated. Runtime namespace, '
                                                                      'before pivot_root.',
                                                       '$ref': '#/definitions/hookList'},
                                          'createRuntime': {'description': 'Runtime namespace, before '
                                                                           'pivot_root.',
                                                            '$ref': '#/definitions/hookList'},
                                          'createContainer': {'description': 'Container namespace, '
                                                                             'before pivot_root.',
                                                              '$ref': '#/definitions/hookList'},
                                          'startContainer': {'description': 'Container namespace, before '
                                                                            'the program.',
                                                             '$ref': '#/definitions/hookList'},
                                          'poststart': {'description': 'Runtime namespace, after the '
                                                                       'program was started.',
                                                        '$ref': '#/definitions/hookList'},
                                          'poststop': {'description': 'Runtime namespace, after the '
                                                                      'container was deleted.',
                                                       '$ref': '#/definitions/hookList'}}},
                 'hookList': {'type': 'array', 'items': {'$ref': '#/definitions/hook'}},
                 'hook': {'type': 'object',
                          'required': ['path'],
                          'properties': {'path': {'$ref': '#/definitions/absolutePath'},
                                         'args': {'$ref': '#/definitions/strings'},
                                         'env': {'$ref': '#/definitions/strings'},
                                         'timeout': {'description': 'Seconds.',
                                                     'title': 'a number of seconds greater than zero',
                                                     'type': 'integer',
                                                     'minimum': 1}}},
                 'annotations': {'description': 'Arbitrary metadata.',
                                 'type': 'object',
                                 'propertyNames': {'title': 'must not have an empty key', 'minLength': 1},
                                 'additionalProperties': {'type': 'string'}},
                 'linux': {'type': 'object',
                           'properties': {'namespaces': {'description': 'Those that are not listed are '
                                                                        "the runtime's.",
                                                         'type': 'array',
                                                         'items': {'type': 'object',
                                                                   'required': ['type'],
                                                                   'properties': {'type': {'type': 'string',
                                                                                           'enum': ['mount',
                                                                                                    'pid',
                                                                                                    'network',
                                                                                                    'uts',
                                                                                                    'ipc',
                                                                                                    'user',
                                                                                                    'cgroup',
                                                                                                    'time']},
                                                                                  'path': {'title': 'an '
                                                                                                    'absolute '
                                                                                                    'path',
                                                                                           'description': 'Join '
                                                                                                          'this '
                                                                                                          'one '
                                                                                                          'instead '
                                                                                                          'of '
                                                                                                          'making '
                                                                                                          'a '
                                                                                                          'new '
                                                                                                          'one; '
                                                                                                          'an '
                                                                                                          'empty '
                                                                                                          'one '
                                                                                                          'is '
                                                                                                          'none.',
                                                                                           'type': 'string',
                                                                                           'pattern': '^(/|$)'}}}},
                                          'uidMappings': {'$ref': '#/definitions/idMappings'},
                                          'gidMappings': {'$ref': '#/definitions/idMappings'},
                                          'timeOffsets': {'$ref': '#/definitions/timeOffsets'},
                                          'devices': {'type': 'array',
                                                      'items': {'$ref': '#/definitions/device'}},
                                          'netDevices': {'$ref': '#/definitions/netDevices'},
                                          'cgroupsPath': {'description': 'Absolute: from the cgroup '
                                                                         'mount point. With the systemd '
                                                                         'manager: slice:prefix:name.',
                                                          'type': 'string'},
                                          'resources': {'$ref': '#/definitions/resources'},
                                          'intelRdt': {'$ref': '#/definitions/intelRdt'},
                                          'memoryPolicy': {'$ref': '#/definitions/memoryPolicy'},
                                          'sysctl': {'description': 'Kernel parameters of the '
                                                                    "container's namespaces.",
                                                     '$ref': '#/definitions/stringMap'},
                                          'seccomp': {'$ref': '#/definitions/seccomp'},
                                          'rootfsPropagation': {'type': 'string',
                                                                'enum': ['private', 'shared', 'slave',
                                                                         'unbindable', 'rprivate',
                                                                         'rshared', 'rslave',
                                                                         'runbindable', '']},
                                          'maskedPaths': {'description': 'Made unreadable.',
                                                          '$ref': '#/definitions/absolutePaths'},
                                          'readonlyPaths': {'description': 'Made read-only.',
                                                            '$ref': '#/definitions/absolutePaths'},
                                          'mountLabel': {'description': 'SELinux context of the mounts.',
                                                         'type': 'string'},
                                          'personality': {'description': 'See personality(2).',
                                                          'type': 'object',
                                                          'required': ['domain'],
                                                          'properties': {'domain': {'type': 'string',
                                                                                    'enum': ['LINUX',
                                                                                             'LINUX32']},
                                                                         'flags': {'description': 'The '
                                                                                                  'specification '
                                                                                                  'defines '
                                                                                                  'none '
                                                                                                  'yet.',
                                                                                   '$ref': '#/definitions/strings'}}}}},
                 'idMappings': {'description': 'One range each, as in user_namespaces(7).',
                                'type': 'array',
                                'items': {'type': 'object',
                                          'required': ['containerID', 'hostID', 'size'],
                                          'properties': {'containerID': {'$ref': '#/definitions/uint32'},
                                                         'hostID': {'$ref': '#/definitions/uint32'},
                                                         'size': {'$ref': '#/definitions/uint32'}}}},
                 'timeOffsets': {'description': 'Of the clocks of a new time namespace, see '
                                                'time_namespaces(7).',
                                 'type': 'object',
                                 'properties': {'monotonic': {'$ref': '#/definitions/timeOffset'},
                                                'boottime': {'$ref': '#/definitions/timeOffset'}}},
                 'timeOffset': {'type': 'object',
                                'properties': {'secs': {'$ref': '#/definitions/int64'},
                                               'nanosecs': {'$ref': '#/definitions/uint32'}}},
                 'device': {'description': 'A device node that the container must have.',
                            'type': 'object',
                            'required': ['type', 'path'],
                            'properties': {'type': {'description': 'Character (c, u), block (b) or FIFO '
                                                                   '(p).',
                                                    'type': 'string',
                                                    'enum': ['c', 'b', 'u', 'p']},
                                           'path': {'$ref': '#/definitions/absolutePath'},
                                           'major': {'$ref': '#/definitions/int64'},
                                           'minor': {'$ref': '#/definitions/int64'},
                                           'fileMode': {'description': 'In decimal. Besides permissions '
                                                                       'it may hold the type of the '
                                                                       'file, which podman writes.',
                                                        'title': 'a file mode from 0 to 65535 (0177777)',
                                                        'type': 'integer',
                                                        'minimum': 0,
                                                        'maximum': 65535},
                                           'uid': {'$ref': '#/definitions/uint32'},
                                           'gid': {'$ref': '#/definitions/uint32'}}},
                 'netDevices': {'description': 'Network devices that move into the container, by their '
                                               'names on the host.',
                                'type': 'object',
                                'additionalProperties': {'type': 'object',
                                                         'properties': {'name': {'description': 'Its '
                                                                                                'name in '
                                                                                                'the '
                                                                                                'container.',
                                                                                 'type': 'string'}}}},
                 'resources': {'description': 'Limits, by cgroup controller.',
                               'type': 'object',
                               'properties': {'devices': {'description': 'The device allow list, applied '
                                                                         'in this order.',
                                                          'type': 'array',
                                                          'items': {'type': 'object',
                                                                    'required': ['allow'],
                                                                    'properties': {'allow': {'type': 'boolean'},
                                                                                   'type': {'description': 'All '
                                                                                                           '(absent: '
                                                                                                           'all), '
                                                                                                           'character '
                                                                                                           'or '
                                                                                                           'block.',
                                                                                            'type': 'string',
                                                                                            'enum': ['a',
                                                                                                     'b',
                                                                                                     'c']},
                                                                                   'major': {'description': 'Absent: '
                                                                                                            'all.',
                                                                                             '$ref': '#/definitions/deviceNumber'},
                                                                                   'minor': {'description': 'Absent: '
                                                                                                            'all.',
                                                                                             '$ref': '#/definitions/deviceNumber'},
                                                                                   'access': {'title': 'a '
                                                                                                       'composition '
                                                                                                       'of '
                                                                                                       'r, '
                                                                                                       'w '
                                                                                                       'and '
                                                                                                       'm',
                                                                                              'type': 'string',
                                                                                              'pattern': '^[rwm]+$'}}}},
                                              'memory': {'$ref': '#/definitions/memory'},
                                              'cpu': {'$ref': '#/definitions/cpu'},
                                              'pids': {'type': 'object',
                                                       'properties': {'limit': {'$ref': '#/definitions/limit'}}},
                                              'blockIO': {'$ref': '#/definitions/blockIO'},
                                              'hugepageLimits': {'type': 'array',
                                                                 'items': {'type': 'object',
                                                                           'required': ['pageSize',
                                                                                        'limit'],
                                                                           'properties': {'pageSize': {'title': 'a '
                                                                                                                'page '
                                                                                                                'size '
                                                                                                                'such '
                                                                                                                'as '
                                                                                                                '64KB, '
                                                                                                                '2MB '
                                                                                                                'or '
                                                                                                                '1GB',
                                                                                                       'type': 'string',
                                                                                                       'pattern': '^[1-9][0-9]*[KMG]B$'},
                                                                                          'limit': {'$ref': '#/definitions/uint64'}}}},
                                              'network': {'type': 'object',
                                                          'properties': {'classID': {'$ref': '#/definitions/uint32'},
                                                                         'priorities': {'type': 'array',
                                                                                        'items': {'type': 'object',
                                                                                                  'required': ['name',
                                                                                                               'priority'],
                                                                                                  'properties': {'name': {'type': 'string'},
                                                                                                                 'priority': {'$ref': '#/definitions/uint32'}}}}}},
                                              'rdma': {'description': 'By device.',
                                                       'type': 'object',
                                                       'additionalProperties': {'type': 'object',
                                                                                'properties': {'hcaHandles': {'$ref': '#/definitions/uint32'},
                                                                                               'hcaObjects': {'$ref': '#/definitions/uint32'}}}},
                                              'unified': {'description': 'Files of cgroup v2 and what is '
                                                                         'written to them.',
                                                          '$ref': '#/definitions/stringMap'}}},
                 'memory': {'type': 'object',
                            'properties': {'limit': {'$ref': '#/definitions/limit'},
                                           'reservation': {'$ref': '#/definitions/limit'},
                                           'swap': {'description': 'Memory and swap together.',
                                                    '$ref': '#/definitions/limit'},
                                           'kernel': {'$ref': '#/definitions/limit'},
                                           'kernelTCP': {'$ref': '#/definitions/limit'},
                                           'swappiness': {'title': 'an integer from 0 to 100',
                                                          'type': 'integer',
                                                          'minimum': 0,
                                                          'maximum': 100},
                                           'disableOOMKiller': {'type': 'boolean'},
                                           'useHierarchy': {'type': 'boolean'},
                                           'checkBeforeUpdate': {'type': 'boolean'}}},
                 'cpu': {'type': 'object',
                         'properties': {'shares': {'$ref': '#/definitions/uint64'},
                                        'quota': {'description': 'Microseconds in a period.',
                                                  '$ref': '#/definitions/int64'},
                                        'burst': {'description': 'Microseconds.',
                                                  '$ref': '#/definitions/uint64'},
                                        'period': {'description': 'Microseconds.',
                                                   '$ref': '#/definitions/uint64'},
                                        'realtimeRuntime': {'description': 'Microseconds.',
                                                            '$ref': '#/definitions/int64'},
                                        'realtimePeriod': {'description': 'Microseconds.',
                                                           '$ref': '#/definitions/uint64'},
                                        'cpus': {'description': 'A list such as 0-3,7.',
                                                 'type': 'string'},
                                        'mems': {'description': 'A list such as 0-3,7.',
                                                 'type': 'string'},
                                        'idle': {'title': '0 (normal) or 1 (SCHED_IDLE)',
                                                 'type': 'integer',
                                                 'minimum': 0,
                                                 'maximum': 1}}},
                 'blockIO': {'type': 'object',
                             'properties': {'weight': {'$ref': '#/definitions/uint16'},
                                            'leafWeight': {'$ref': '#/definitions/uint16'},
                                            'weightDevice': {'type': 'array',
                                                             'items': {'type': 'object',
                                                                       'required': ['major', 'minor'],
                                                                       'properties': {'major': {'$ref': '#/definitions/int64'},
                                                                                      'minor': {'$ref': '#/definitions/int64'},
                                                                                      'weight': {'$ref': '#/definitions/uint16'},
                                                                                      'leafWeight': {'$ref': '#/definitions/uint16'}}}},
                                            'throttleReadBpsDevice': {'$ref': '#/definitions/throttles'},
                                            'throttleWriteBpsDevice': {'$ref': '#/definitions/throttles'},
                                            'throttleReadIOPSDevice': {'$ref': '#/definitions/throttles'},
                                            'throttleWriteIOPSDevice': {'$ref': '#/definitions/throttles'}}},
                 'throttles': {'type': 'array',
                               'items': {'type': 'object',
                                         'required': ['major', 'minor', 'rate'],
                                         'properties': {'major': {'$ref': '#/definitions/int64'},
                                                        'minor': {'$ref': '#/definitions/int64'},
                                                        'rate': {'$ref': '#/definitions/uint64'}}}},
                 'intelRdt': {'description': 'Resource Director Technology, through resctrl.',
                              'type': 'object',
                              'properties': {'closID': {'description': 'Class of service; / is the '
                                                                       'default one.',
                                                        'type': 'string'},
                                             'schemata': {'type': 'array',
                                                          'items': {'title': 'one line',
                                                                    'type': 'string',
                                                                    'pattern': '^[^\\n]*$'}},
                                             'l3CacheSchema': {'type': 'string'},
                                             'memBwSchema': {'title': 'one line that starts with MB:',
                                                             'type': 'string',
                                                             'pattern': '^MB:[^\\n]*$'},
                                             'enableMonitoring': {'type': 'boolean'}}},
                 'memoryPolicy': {'description': 'See set_mempolicy(2).',
                                  'type': 'object',
                                  'required': ['mode'],
                                  'properties': {'mode': {'type': 'string',
                                                          'enum': ['MPOL_DEFAULT', 'MPOL_BIND',
                                                                   'MPOL_INTERLEAVE',
                                                                   'MPOL_WEIGHTED_INTERLEAVE',
                                                                   'MPOL_PREFERRED',
                                                                   'MPOL_PREFERRED_MANY', 'MPOL_LOCAL']},
                                                 'nodes': {'description': 'A list such as 0-3,7.',
                                                           'type': 'string'},
                                                 'flags': {'type': 'array',
                                                           'items': {'type': 'string',
                                                                     'enum': ['MPOL_F_NUMA_BALANCING',
                                                                              'MPOL_F_RELATIVE_NODES',
                                                                              'MPOL_F_STATIC_NODES']}}}},
                 'seccomp': {'description': "Names as in libseccomp's seccomp.h.",
                             'type': 'object',
                             'required': ['defaultAction'],
                             'properties': {'defaultAction': {'$ref': '#/definitions/seccompAction'},
                                            'defaultErrnoRet': {'$ref': '#/definitions/uint32'},
                                            'architectures': {'type': 'array',
                                                              'items': {'type': 'string',
                                                                        'enum': ['SCMP_ARCH_X86',
                                                                                 'SCMP_ARCH_X86_64',
                                                                                 'SCMP_ARCH_X32',
                                                                                 'SCMP_ARCH_ARM',
                                                                                 'SCMP_ARCH_AARCH64',
                                                                                 'SCMP_ARCH_LOONGARCH64',
                                                                                 'SCMP_ARCH_M68K',
                                                                                 'SCMP_ARCH_MIPS',
                                                                                 'SCMP_ARCH_MIPS64',
                                                                                 'SCMP_ARCH_MIPS64N32',
                                                                                 'SCMP_ARCH_MIPSEL',
                                                                                 'SCMP_ARCH_MIPSEL64',
                                                                                 'SCMP_ARCH_MIPSEL64N32',
                                                                                 'SCMP_ARCH_PPC',
                                                                                 'SCMP_ARCH_PPC64',
                                                                                 'SCMP_ARCH_PPC64LE',
                                                                                 'SCMP_ARCH_S390',
                                                                                 'SCMP_ARCH_S390X',
                                                                                 'SCMP_ARCH_SH',
                                                                                 'SCMP_ARCH_SHEB',
                                                                                 'SCMP_ARCH_PARISC',
                                                                                 'SCMP_ARCH_PARISC64',
                                                                                 'SCMP_ARCH_RISCV64']}},
                                            'flags': {'type': 'array',
                                                      'items': {'type': 'string',
                                                                'enum': ['SECCOMP_FILTER_FLAG_TSYNC',
                                                                         'SECCOMP_FILTER_FLAG_LOG',
                                                                         'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
                                                                         'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV']}},
                                            'listenerPath': {'description': 'A UNIX socket that gets the '
                                                                            'notification descriptor.',
                                                             'type': 'string'},
                                            'listenerMetadata': {'type': 'string'},
                                            'syscalls': {'type': 'array',
                                                         'items': {'$ref': '#/definitions/seccompRule'}}}},
                 'seccompAction': {'type': 'string',
                                   'enum': ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_PROCESS',
                                            'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_TRAP', 'SCMP_ACT_ERRNO',
                                            'SCMP_ACT_TRACE', 'SCMP_ACT_ALLOW', 'SCMP_ACT_LOG',
                                            'SCMP_ACT_NOTIFY']},
                 'seccompRule': {'type': 'object',
                                 'required': ['names', 'action'],
                                 'properties': {'names': {'title': 'at least one name of a system call',
                                                          'type': 'array',
                                                          'minItems': 1,
                                                          'items': {'type': 'string'}},
                                                'action': {'$ref': '#/definitions/seccompAction'},
                                                'errnoRet': {'$ref': '#/definitions/uint32'},
                                                'args': {'type': 'array',
                                                         'items': {'type': 'object',
                                                                   'required': ['index', 'value', 'op'],
                                                                   'properties': {'index': {'title': 'an '
                                                                                                     'argument '
                                                                                                     'from '
                                                                                                     '0 '
                                                                                                     'to '
                                                                                                     '5',
                                                                                            'type': 'integer',
                                                                                            'minimum': 0,
                                                                                            'maximum': 5},
                                                                                  'value': {'$ref': '#/definitions/uint64'},
                                                                                  'valueTwo': {'$ref': '#/definitions/uint64'},
                                                                                  'op': {'type': 'string',
                                                                                         'enum': ['SCMP_CMP_NE',
                                                                                                  'SCMP_CMP_LT',
                                                                                                  'SCMP_CMP_LE',
                                                                                                  'SCMP_CMP_EQ',
                                                                                                  'SCMP_CMP_GE',
                                                                                                  'SCMP_CMP_GT',
                                                                                                  'SCMP_CMP_MASKED_EQ']}}}}}},
                 'otherPlatform': {'title': 'must be left out: pyoci runs Linux containers', 'not': {}},
                 'strings': {'type': 'array', 'items': {'type': 'string'}},
                 'stringMap': {'type': 'object', 'additionalProperties': {'type': 'string'}},
                 'absolutePath': {'title': 'an absolute path', 'type': 'string', 'pattern': '^/'},
                 'absolutePaths': {'type': 'array', 'items': {'$ref': '#/definitions/absolutePath'}},
                 'cpuList': {'title': 'a list of CPUs such as 0-3,7',
                             'type': 'string',
                             'pattern': '^[0-9, -]*$'},
                 'limit': {'title': 'a limit: an int64 from 0, or -1 for none',
                           'type': 'integer',
                           'minimum': -1,
                           'maximum': 9223372036854775807},
                 'deviceNumber': {'title': 'a number from 0, or -1 for all',
                                  'type': 'integer',
                                  'minimum': -1,
                                  'maximum': 9223372036854775807},
                 'int32': {'type': 'integer', 'minimum': -2147483648, 'maximum': 2147483647},
                 'int64': {'type': 'integer',
                           'minimum': -9223372036854775808,
                           'maximum': 9223372036854775807},
                 'uint16': {'type': 'integer', 'minimum': 0, 'maximum': 65535},
                 'uint32': {'type': 'integer', 'minimum': 0, 'maximum': 4294967295},
                 'uint64': {'type': 'integer', 'minimum': 0, 'maximum': 18446744073709551615}}}
