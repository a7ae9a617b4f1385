"""Functions of libseccomp (compiled from _seccomp.c). Where an errno is returned, 0 means success."""

LINKED: str
"""Which libseccomp is part of this file; empty where it is a shared object, which can be replaced."""

class Context:
    """scmp_filter_ctx, released with its last reference."""

def version() -> tuple[int, int, int]: ...
def api_level() -> int:
    """The level of features that library and kernel share: seccomp_api_get(3)."""

def native() -> int:
    """The SCMP_ARCH_* number of this machine."""

def resolve(name: bytes, arch: int, /) -> int:
    """The system call's number on `arch` (0: here), or __NR_SCMP_ERROR. ValueError for a NUL in the name."""

def new(default_action: int, /) -> Context | None:
    """A filter without rules; None when the library refuses the action."""

def add_arch(context: Context, arch: int, /) -> int:
    """seccomp_arch_add(3): errno."""

def set_attribute(context: Context, attribute: int, value: int, /) -> int:
    """seccomp_attr_set(3): errno."""

def add_rule(context: Context, action: int, number: int, args: list[tuple[int, int, int, int]], /) -> int:
    """seccomp_rule_add_array(3): errno. An argument: index, operator (SCMP_CMP_*), value, second value."""

def export(context: Context, fd: int, /) -> int:
    """seccomp_export_bpf(3): errno."""
