"""Constants of the kernel's interface, under the names that its headers and man pages use."""

from __future__ import annotations

# sched.h
CLONE_NEWTIME = 0x00000080
CLONE_PARENT = 0x00008000
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

# name of a type of namespace (config-linux.md) -> its flag of clone3(2)
NAMESPACE_FLAGS = {
    "user": CLONE_NEWUSER,
    "pid": CLONE_NEWPID,
    "network": CLONE_NEWNET,
    "ipc": CLONE_NEWIPC,
    "uts": CLONE_NEWUTS,
    "time": CLONE_NEWTIME,
    "cgroup": CLONE_NEWCGROUP,
    "mount": CLONE_NEWNS,
}
# ... -> its file below /proc/PID/ns
NAMESPACE_FILES = {kind: {"network": "net", "mount": "mnt"}.get(kind, kind) for kind in NAMESPACE_FLAGS}

# fcntl.h
AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_NO_AUTOMOUNT = 0x800
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

# stat.h
STATX_MNT_ID = 0x1000
STATX_MNT_ID_UNIQUE = 0x4000
STATX_ATTR_MOUNT_ROOT = 0x2000

# openat2.h
RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

# mount.h: mount(2)
MS_RDONLY = 1 << 0
MS_NOSUID = 1 << 1
MS_NODEV = 1 << 2
MS_NOEXEC = 1 << 3
MS_SYNCHRONOUS = 1 << 4
MS_MANDLOCK = 1 << 6
MS_DIRSYNC = 1 << 7
MS_NOSYMFOLLOW = 1 << 8
MS_NOATIME = 1 << 10
MS_NODIRATIME = 1 << 11
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_RELATIME = 1 << 21
MS_I_VERSION = 1 << 23
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25
MNT_DETACH = 2

# flags of the superblock by the names that fsconfig(2) takes (fs/fs_context.c, common_set_sb_flag) -> for mount(2)
SUPERBLOCK_FLAGS = {
    "ro": MS_RDONLY,
    "sync": MS_SYNCHRONOUS,
    "dirsync": MS_DIRSYNC,
    "lazytime": MS_LAZYTIME,
}

# mount.h: the mount API of Linux 5.2 and later
OPEN_TREE_CLONE = 1
OPEN_TREE_CLOEXEC = 0o2000000
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
STATMOUNT_MNT_POINT = 0x10
FSOPEN_CLOEXEC = 1
FSMOUNT_CLOEXEC = 1
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_SET_FD = 5
FSCONFIG_CMD_CREATE = 6
FSCONFIG_CMD_RECONFIGURE = 7
FSPICK_CLOEXEC = 1
FSPICK_EMPTY_PATH = 8
MOUNT_ATTR_RDONLY = 0x00000001
MOUNT_ATTR_NOSUID = 0x00000002
MOUNT_ATTR_NODEV = 0x00000004
MOUNT_ATTR_NOEXEC = 0x00000008
MOUNT_ATTR__ATIME = 0x00000070
MOUNT_ATTR_RELATIME = 0x00000000
MOUNT_ATTR_NOATIME = 0x00000010
MOUNT_ATTR_STRICTATIME = 0x00000020
MOUNT_ATTR_NODIRATIME = 0x00000080
MOUNT_ATTR_IDMAP = 0x00100000
MOUNT_ATTR_NOSYMFOLLOW = 0x00200000

MOUNT_ATTR_NAMES = {
    MOUNT_ATTR_RDONLY: "RDONLY",
    MOUNT_ATTR_NOSUID: "NOSUID",
    MOUNT_ATTR_NODEV: "NODEV",
    MOUNT_ATTR_NOEXEC: "NOEXEC",
    MOUNT_ATTR_NOATIME: "NOATIME",
    MOUNT_ATTR_STRICTATIME: "STRICTATIME",
    MOUNT_ATTR_NODIRATIME: "NODIRATIME",
    MOUNT_ATTR_IDMAP: "IDMAP",
    MOUNT_ATTR_NOSYMFOLLOW: "NOSYMFOLLOW",
}
PROPAGATION_NAMES = {MS_SHARED: "SHARED", MS_SLAVE: "SLAVE", MS_PRIVATE: "PRIVATE", MS_UNBINDABLE: "UNBINDABLE"}

# proc_ns.h: the inode of a whole procfs, as against a folder of one
PROC_ROOT_INO = 1
# namei.h: symbolic links that are followed for one path, path_resolution(7)
MAXSYMLINKS = 40
# bpf_common.h: instructions of one filter
BPF_MAXINSNS = 4096

# magic.h
PROC_SUPER_MAGIC = 0x9FA0
SYSFS_MAGIC = 0x62656572
DEVPTS_SUPER_MAGIC = 0x1CD1
CGROUP2_SUPER_MAGIC = 0x63677270
CGROUP_SUPER_MAGIC = 0x27E0EB
NSFS_MAGIC = 0x6E736673
# Those whose files are the kernel's own: to read one can do things, and says nothing of an image.
KERNEL_FILESYSTEMS = (
    PROC_SUPER_MAGIC,
    SYSFS_MAGIC,
    DEVPTS_SUPER_MAGIC,
    CGROUP2_SUPER_MAGIC,
    CGROUP_SUPER_MAGIC,
    NSFS_MAGIC,
    0x64626720,  # debugfs
    0x74726163,  # tracefs
    0x73636673,  # securityfs
    0xF97CFF8C,  # selinuxfs
    0xCAFE4A11,  # bpf
    0x62656570,  # configfs
    0x6165676C,  # pstore
    0xDE5E81E4,  # efivarfs
    0x19800202,  # mqueue
    0x42494E4D,  # binfmt_misc
)

# ptrace.h: requests, their options, and what stops are for
PTRACE_CONT = 7
PTRACE_DETACH = 17
PTRACE_GETEVENTMSG = 0x4201
PTRACE_SEIZE = 0x4206
PTRACE_O_TRACEFORK = 1 << 1
PTRACE_O_TRACECLONE = 1 << 3
PTRACE_O_EXITKILL = 1 << 20
PTRACE_EVENT_FORK = 1
PTRACE_EVENT_CLONE = 3

# prctl.h
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_SET_NAME = 15
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4

# capability.h: number -> name, in the kernel's order
CAPABILITIES = (
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
)
CAP_SYS_ADMIN = 21
CAP_SYS_NICE = 23
CAP_SYS_RESOURCE = 24

# resource.h: spec name -> number
RLIMITS = {
    "RLIMIT_CPU": 0,
    "RLIMIT_FSIZE": 1,
    "RLIMIT_DATA": 2,
    "RLIMIT_STACK": 3,
    "RLIMIT_CORE": 4,
    "RLIMIT_RSS": 5,
    "RLIMIT_NPROC": 6,
    "RLIMIT_NOFILE": 7,
    "RLIMIT_MEMLOCK": 8,
    "RLIMIT_AS": 9,
    "RLIMIT_LOCKS": 10,
    "RLIMIT_SIGPENDING": 11,
    "RLIMIT_MSGQUEUE": 12,
    "RLIMIT_NICE": 13,
    "RLIMIT_RTPRIO": 14,
    "RLIMIT_RTTIME": 15,
}

# seccomp.h, SECCOMP_RET_*: the action in the upper half, its number below. libseccomp's SCMP_ACT_* are the same.
SECCOMP_RET = {
    "KILL_PROCESS": 0x80000000,
    "KILL_THREAD": 0x00000000,
    "TRAP": 0x00030000,
    "ERRNO": 0x00050000,
    "NOTIFY": 0x7FC00000,  # SECCOMP_RET_USER_NOTIF
    "TRACE": 0x7FF00000,
    "LOG": 0x7FFC0000,
    "ALLOW": 0x7FFF0000,
}
SECCOMP_RET_ACTION_FULL = 0xFFFF0000
# seccomp.h, SECCOMP_FILTER_FLAG_*
SECCOMP_FILTER_FLAG = {
    "TSYNC": 1 << 0,
    "LOG": 1 << 1,
    "SPEC_ALLOW": 1 << 2,
    "NEW_LISTENER": 1 << 3,
    "TSYNC_ESRCH": 1 << 4,
    "WAIT_KILLABLE_RECV": 1 << 5,
}

# ioctls.h
TIOCSCTTY = 0x540E
TIOCGWINSZ = 0x5413
TIOCSWINSZ = 0x5414
TIOCSPTLCK = 0x40045431
TIOCGPTPEER = 0x5441
SIOCGIFFLAGS = 0x8913
SIOCSIFFLAGS = 0x8914
IFF_UP = 1
NS_GET_NSTYPE = 0xB703

# close_range.h
CLOSE_RANGE_CLOEXEC = 4


def unescape(path: str) -> str:
    r"""A path of mountinfo, in which the kernel wrote characters as \040, \011, \012, \043 and \134."""
    if "\\" not in path:
        return path
    for code, character in ((r"\040", " "), (r"\011", "\t"), (r"\012", "\n"), (r"\043", "#"), (r"\134", "\\")):
        path = path.replace(code, character)
    return path


def flag_names(value: int, names: dict[int, str]) -> str:
    """`NOSUID|NODEV` for a person; what has no name is shown in hexadecimal."""
    known = [name for bit, name in names.items() if bit and value & bit == bit]
    rest = value & ~sum(bit for bit in names if value & bit == bit)
    if rest:
        known.append(hex(rest))
    return "|".join(known) or "0"
