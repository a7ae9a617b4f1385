"""Differences from runc that are explained: by docs/differences.md, by a fault of runc's, or by what runc is.

Each rule is a sentence and a function of what was seen; the report counts how often each explains something.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from lib.random_case import Case

Seen = dict[str, str]


class Difference:
    """One name whose values differ; `here` is of the runtime that is tested, `there` of runc."""

    def __init__(self, case: Case, name: str, first: Seen, second: Seen) -> None:
        self.case, self.first, self.second = case, first, second
        self.here, self.there = first.get(name, "-"), second.get(name, "-")
        self.full = name
        self.step, _, rest = name.partition(": ") if re.match(r"\d+ exec: ", name) else ("", "", name)
        self.name = rest

    def both(self, name: str) -> tuple[str, str]:
        """What both say of another name, of the same step."""
        full = f"{self.step}: {name}" if self.step else name
        return self.first.get(full, "-"), self.second.get(full, "-")

    def words(self, of: Seen) -> str:
        """All that a runtime has said."""
        return "\n".join(text for name, text in of.items() if name.startswith("words "))


def rule(case: Case, name: str, first: Seen, second: Seen) -> str:
    """The sentence that explains that `name` differs between pyoci (`first`) and runc (`second`), or ''."""
    difference = Difference(case, name, first, second)
    if "run failed" in second and "run failed" not in first and "/ns/mnt" in case.text():
        return "runc changes the root of a mount namespace that it joins"
    if "run failed" in {**first, **second}:
        return "" if name == "run failed" else "this program failed"
    return next((sentence for sentence, holds in _RULES if _holds(holds, difference)), "")


def _holds(rule: Callable[[Difference], bool], difference: Difference) -> bool:
    try:
        return rule(difference)
    except (AttributeError, KeyError, TypeError):
        return False  # the bundle has nonsense where the rule looks


def _is_mask(difference: Difference) -> bool:
    kind = difference.name.split(" ")
    if kind[0] != "mount" or len(kind) < 3:
        return False
    here, there = difference.both(f"mount {kind[1]} from")
    return here.endswith(" /null") and there.endswith("/null")


def _is_order(difference: Difference) -> bool:
    if difference.name != "mount order":
        return False
    here, there = difference.here.split(), difference.there.split()
    paths = difference.case.config.get("linux", {})
    late = {*(paths.get("maskedPaths") or []), *(paths.get("readonlyPaths") or [])}
    return [name for name in here if name not in late] == [name for name in there if name not in late] and sorted(
        here
    ) == sorted(there)


def _is_superblock(difference: Difference) -> bool:
    kind = difference.name.split(" ")
    return (
        kind[0] == "mount"
        and kind[-1] == "data"
        and re.sub("^r[ow]", "", difference.here) == re.sub("^r[ow]", "", difference.there)
    )


def _statuses(difference: Difference) -> tuple[str, str]:
    """Whether the first command, which makes the container, failed: here, and there."""
    name = "status run" if difference.case.use_run else "status create"
    return difference.first.get(name, "-"), difference.second.get(name, "-")


def _is_after_refusal(difference: Difference) -> bool:
    here, there = _statuses(difference)
    return (
        here not in {"0", "-"}
        and there not in {"0", "-"}
        and difference.name.split()[0] in {"left", "hook"}
        and (difference.name.startswith(("left file", "hook")))
    )


def _is_hook_folder(difference: Difference) -> bool:
    return difference.name.startswith("hook ") and difference.name.endswith(" cwd") and difference.here == "/tmp/bundle"


def _is_create_container_hook(difference: Difference) -> bool:
    words = difference.name.split()
    if words[0] != "hook":
        return False
    if words[-1] == "ignored":
        return bool(difference.case.caller.get("ignored"))
    leaked = words[-1] == "fds" and difference.here == "0 1 2 3 "
    return leaked or ("createContainer" in words and words[-1] in {"env", "nofile", "fds"})


def _is_readonly_root(difference: Difference) -> bool:
    return "/" in (difference.case.config["linux"].get("readonlyPaths") or ())


def _is_of_path(difference: Difference, name: str) -> bool:
    """Is it a mount at, or the tree of, a path of that property? What can be done there is compared apart."""
    words = difference.name.split(" ")
    linux = difference.case.config["linux"]
    paths = [path.rstrip("/") for path in linux.get(name) or () if isinstance(path, str)]
    paths += ["/target"] if "/link" in paths else []
    paths += ["/tmp"] if "/etc/../tmp" in paths else []
    return words[0] in {"mount", "tree"} and (words[1] == "order" or words[1].rstrip("'") in paths)


def _is_wildcard_rule(difference: Difference) -> bool:
    rules = difference.case.config["linux"].get("resources", {}).get("devices") or ()
    return difference.name.endswith("devices.list") and any(
        rule.get("allow") and rule.get("type", "a") == "a" for rule in rules
    )


def _is_after_failed_update(difference: Difference) -> bool:
    match = re.match(r"cgroup (\d+) update ", difference.name)
    if match is None:
        return False
    statuses = [
        (difference.first.get(f"status {number} update"), difference.second.get(f"status {number} update"))
        for number in range(int(match[1]) + 1)
    ]
    return ("failed", "failed") in statuses


def _is_capital(difference: Difference) -> bool:
    return re.search(r'"[A-Z]{3,}\w*": ', difference.case.text()) is not None


_PHRASES = (
    ("/ in maskedPaths is refused, since it cannot be hidden", "it leads to the root, which cannot be masked"),
    ("an empty sysctl is refused", r"set sysctl \S+ to ''"),
    ("cwd through a link of procfs is refused", r"make cwd .* too many levels of symbolic links"),
    ("tmpcopyup needs a tmpfs", "tmpcopyup needs a new mount"),
    ("a device where another file is: config-linux.md, Devices, demands an error", "is already there"),
    ("an option that the kernel drops without a word is refused", r"cannot be applied to a mount of type"),
    (
        "an option that a bind mount or a cgroup mount cannot have is refused",
        r"cannot be applied to a (bind|cgroup) mount",
    ),
    (
        "a bundle with a value that its schema or a rule forbids is refused",
        r"pyoci: config: |must (not )?(be|have) |is not between",
    ),
    (
        "a program that cannot be run is an error of start, not only of the container",
        r"exec .*(no such file or directory; the first line of|exec format error)",
    ),
    ("a value that an option cannot have is 1, also with exec", r"pyoci: option --"),
    ("a limit of a controller that the host lacks is refused", r"controller is not mounted in this cgroup v1 layout"),
)


def _refused_words(difference: Difference, phrase: str) -> bool:
    """Does pyoci alone refuse, with these words? Whatever comes after it differs, too."""
    first, second = difference.first, difference.second
    return any(
        name.startswith("words ")
        and re.search(phrase, text)
        and first.get(f"status {name[6:]}", "0") != "0"
        and second.get(f"status {name[6:]}") != first.get(f"status {name[6:]}")
        for name, text in first.items()
    )


_PHRASES_THERE = (
    ("without pivot_root the root may be private", "is not safe without pivot_root"),
    ("runc cannot mask what a later mount has brought", "can't mask path .*too many levels of symbolic links"),
    ("process may be missing until start: runtime.md", "process property must not be empty"),
    ("devices of a user namespace have the numbers of the config", r"error creating device nodes: mount src=/dev/"),
    ("a link to nothing is followed for cwd, too", r"mkdir /dangling[^:]*: file exists"),
    ("a sysfs may be mounted over a sysfs", r"error mounting ..sysfs.* device or resource busy"),
    ("runc cannot replace /dev/null by another device", "error reopening /dev/null inside container"),
    (
        "runc gives iversion and kin to a kernel file system, which is then another one",
        r"flags=[A-Z_|]*(MS_I_VERSION|MS_MANDLOCK|MS_SYNCHRONOUS|MS_DIRSYNC)[A-Z_|]*: device or resource busy",
    ),
    ("runc refuses a root.path that is a link", "invalid rootfs: not an absolute path, or a symlink"),
    (
        "runc refuses the option defaults of a bind mount",
        "bind mounts cannot have any filesystem-specific options applied",
    ),
    (
        "runc needs a procfs in every container",
        "open /proc/(sys/kernel/cap_last_cap|self|thread-self)[^ ]*: no such file",
    ),
    (
        "runc does not know the option defaults of a devpts",
        r"error mounting .*data=[^:]*defaults[^:]*: invalid argument",
    ),
    ("signals of real time have names", r"unknown signal .*RTMIN"),
    ("runc cannot make paths of an unbindable root read-only", "read-only: mount src=.*invalid argument"),
    (
        "capabilities that cannot be granted are left out with a warning: config.md, Linux Process",
        "unable to apply caps|can't apply cap",
    ),
)


def _refused_there(difference: Difference, phrase: str) -> bool:
    first, second = difference.first, difference.second
    return any(
        name.startswith("words ")
        and re.search(phrase, text)
        and second.get(f"status {name[6:]}", "0") != "0"
        and second.get(f"status {name[6:]}") != first.get(f"status {name[6:]}")
        for name, text in second.items()
    )


def _phrase(phrase: str) -> Callable[[Difference], bool]:
    return lambda difference: _refused_words(difference, phrase)


def _phrase_there(phrase: str) -> Callable[[Difference], bool]:
    return lambda difference: _refused_there(difference, phrase)


_RULES: tuple[tuple[str, Callable[[Difference], bool]], ...] = (
    ("ociVersion of the state is that of the config", lambda d: d.name == "ociVersion of the state"),
    ("a masked file shows the host's null device, read-only", _is_mask),
    ("masks come before read-only paths", _is_order),
    ("ro of a kernel file system is a flag of the mount alone", _is_superblock),
    ("both refuse the bundle, one of them earlier", _is_after_refusal),
    ("/ in readonlyPaths is honoured", _is_readonly_root),
    ("poststart and poststop hooks run in the bundle", _is_hook_folder),
    (
        "hooks have the caller's signals, and createContainer hooks its environment, limits and descriptors",
        _is_create_container_hook,
    ),
    ("runc leaves groups above the container's that it has made", lambda d: d.name == "left groups" and d.here == ""),
    (
        "mounts over masked and read-only paths are made in another order",
        lambda d: _is_of_path(d, "maskedPaths") or _is_of_path(d, "readonlyPaths"),
    ),
    (
        "groups of cgroup v1 are nosuid, nodev and noexec unless the mount says otherwise by name",
        lambda d: d.name.startswith("mount /sys/fs/cgroup") and d.name.endswith("flags"),
    ),
    (
        "no signal is ignored in a container because the caller ignores it",
        lambda d: d.name == "status SigIgn" and bool(d.case.caller.get("ignored")),
    ),
    (
        "folders made in the rootfs do not depend on the caller's umask",
        lambda d: bool(d.case.caller.get("umask")) and d.name.startswith(("left file", "tree ")),
    ),
    (
        "rootfsPropagation shared: the root receives the host's mounts",
        lambda d: (
            d.name == "mount / propagation"
            and d.case.config["linux"].get("rootfsPropagation") in {"shared", "rshared", "slave", "rslave"}
        ),
    ),
    (
        "rootfsPropagation private and unbindable without an r: bind mounts are private, too",
        lambda d: (
            d.name.endswith(" propagation")
            and d.here == "private"
            and d.case.config["linux"].get("rootfsPropagation") in {"private", "unbindable"}
        ),
    ),
    (
        "rootfsPropagation rshared: bind mounts are shared among themselves",
        lambda d: d.name.endswith(" propagation") and d.case.config["linux"].get("rootfsPropagation") == "rshared",
    ),
    (
        "exec of a document without rlimits has the container's limits",
        lambda d: bool(d.step) and d.name.startswith("limits "),
    ),
    (
        "an env of a hook that is [] is empty",
        lambda d: d.name.endswith(" env") and d.name.startswith("hook ") and '"env": []' in d.case.text(),
    ),
    (
        "all bits of fileMode are applied to a device",
        lambda d: d.name.startswith("tree ") and re.search(r'"fileMode": (2559|8630)', d.case.text()) is not None,
    ),
    ("a program is found in a default PATH, too", lambda d: "executable file not found in $PATH" in d.words(d.second)),
    (
        "runc relays what exec writes, so that its RLIMIT_FSIZE does not hold",
        lambda d: bool(d.full[:1].isdigit() or "exec" in d.full) and "RLIMIT_FSIZE" in d.case.text(),
    ),
    (
        "LISTEN_FDS without LISTEN_PID is passed on",
        lambda d: d.name in {"environ", "descriptors"} and "LISTEN_FDS" in str(d.case.caller.get("env")),
    ),
    ("runc shows its help after a mistake", lambda d: d.name == "said" and d.there.startswith("NAME:")),
    (
        "with a user namespace the folder of message queues belongs to nobody, in runc to root",
        lambda d: d.name == "tree /dev/mqueue" and " 65534:65534 " in d.here,
    ),
    (
        "with tmpcopyup the folder that is covered gives its owner, too",
        lambda d: d.name.startswith("tree ") and "tmpcopyup" in d.case.text(),
    ),
    (
        "only a mount that says shared tells the host what is mounted in it",
        lambda d: d.name.endswith(" propagation") and d.here.startswith("master:") and d.there.startswith("shared:"),
    ),
    ("statistics have throttling also where it is 0", lambda d: "/data/cpu/throttling" in d.here),
    (
        "a mount without a source shows none, in runc an empty name",
        lambda d: d.name.endswith(" from") and d.here.replace(" none ", "  ") == d.there,
    ),
    ("update applies kernelTCP", lambda d: " update memory.kmem.tcp." in d.name),
    ("the kernel's folder for an overlay", lambda d: d.name == "left source /work/work"),
    ("a device rule without a type is for c and b, not for all", _is_wildcard_rule),
    ("an update that fails changes nothing", _is_after_failed_update),
    ("names of properties are case-sensitive", _is_capital),
    (
        "a filter that allows nothing ends runc's init before start",
        lambda d: d.case.config["linux"]["seccomp"]["defaultAction"] not in {"SCMP_ACT_ALLOW", "SCMP_ACT_LOG"},
    ),
    *((sentence, _phrase(phrase)) for sentence, phrase in _PHRASES),
    *((sentence, _phrase_there(phrase)) for sentence, phrase in _PHRASES_THERE),
)
