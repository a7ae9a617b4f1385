"""What a container sees, as names and values that can be compared between runtimes.

A shell script of busybox prints it in sections; `parse` makes names and values of them, without what differs
from run to run (process numbers, device numbers, numbers of peer groups).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

APPLETS = (
    "sh cat ls stat readlink head touch tr rm id hostname ionice chrt sleep kill mkdir sync env false find".split()
)

_SECTION = "@@"
_END = "@@end"

SCRIPT = r"""
umask=$(umask)
echo @@umask; echo "$umask"
p=/proc/$$
for f in status limits oom_score_adj stat uid_map gid_map setgroups cgroup timens_offsets personality mountinfo; do
  echo "@@$f"; cat "$p/$f" 2>&1
done
echo @@environ; tr '\000\n' '\n~' <"$p/environ" 2>&1
echo @@arguments; tr '\000\n' '\n~' <"$p/cmdline" 2>&1
echo @@cwd; readlink "$p/cwd" 2>&1
echo @@root; readlink "$p/root" 2>&1
echo @@namespaces; for n in "$p"/ns/*; do echo "${n##*/} $(readlink "$n" 2>&1)"; done
echo @@descriptors; for n in "$p"/fd/*; do echo "${n##*/}"; done
echo @@ids; id 2>&1
echo @@names; cat /proc/sys/kernel/hostname /proc/sys/kernel/domainname 2>&1
echo @@priority; ionice -p $$ 2>&1; chrt -p $$ 2>&1
echo @@sysctl
for s in net/ipv4/ip_forward net/ipv4/ping_group_range net/core/somaxconn net/ipv4/conf/lo/forwarding kernel/shmmax \
  kernel/msgmax kernel/sem fs/mqueue/msg_max vm/swappiness; do echo "$s $(cat /proc/sys/$s 2>&1)"; done
echo @@tree
for f in /* /dev/* /dev/pts/* /dev/d/* /dev/d/e/* /mnt/* /mnt/a/* /mnt/a/b/* /opt/* /opt/*/* /link/* /target/* \
  /target-made /target-made/* /etc/* /run/* /sys/fs/cgroup/*; do
  [ -e "$f" ] || [ -L "$f" ] && stat -c '%n %F %a %u:%g %t:%T %N' "$f" 2>&1
done
echo @@readable
for f in /proc/kcore /proc/keys /proc/sysrq-trigger /proc/uptime /proc/cpuinfo /proc/acpi /etc/hosts /sys/firmware \
  /tmp /mnt /bin /sys/kernel /dev/x /dev/null /dev/fuse /dev/console /x; do
  if [ -d "$f" ]; then echo "$f $(ls "$f" 2>&1 | head -n 3 | tr '\n' ' ')"
  else case $f in /dev/console) ;; *) echo "$f $(head -c 9 "$f" 2>&1 | tr '\000\n0-9a-f' '  N')";; esac; fi
done
echo @@writable
for d in / /tmp /etc /dev /dev/shm /sys /proc/sys/kernel/hostname /mnt /mnt/new /mnt/a/b/c /opt/y /run/x \
  /sys/fs/cgroup /sys/fs/cgroup/memory /bin /link; do
  if [ -d "$d" ]; then (: >"$d/.probe") 2>/dev/null && { echo "$d yes"; rm -f "$d/.probe"; } || echo "$d no"
  else (: >>"$d") 2>/dev/null && echo "$d yes" || echo "$d no"; fi
done
echo @@calls
mkdir /tmp/.probe 2>&1; sync 2>&1
echo @@end
"""

_STATUS = frozenset(
    "Umask Uid Gid Groups NoNewPrivs Seccomp SigBlk SigIgn CapInh CapPrm CapEff CapBnd CapAmb "
    "Cpus_allowed_list Mems_allowed_list NStgid CoreDumping THP_enabled".split()
)


def complete(output: str) -> bool:
    """Has the script come to its end?"""
    return output.rstrip().endswith(_END)


def parse(output: str, host: Mapping[str, str], host_groups: Mapping[str, str]) -> dict[str, str]:
    """Names and values of what the script has printed.

    `host` has the host's namespaces (and the donor's), by what their links say; `host_groups` the mounts of the
    host, by the number of their peer group.
    """
    seen: dict[str, str] = {}
    rest: list[str] = []
    for name, lines in _sections(output):
        if name == "":
            rest += lines
        elif name == "mountinfo":
            seen.update(mounts(lines, host_groups))
        elif name == "status":
            seen.update(_status(lines))
        elif name == "limits":
            for line in lines[1:]:
                seen[f"limits {line[:26].strip()}"] = " ".join(line[26:].split()[:2])
        elif name == "stat":
            fields = lines[0].rpartition(")")[2].split() if lines else []
            if len(fields) > 38:
                seen["stat"] = f"nice {fields[16]} rt {fields[37]} policy {fields[38]} tty {fields[4] != '0'}"
        elif name == "namespaces":
            for line in lines:
                kind, _, link = line.partition(" ")
                seen[f"namespace {kind}"] = host.get(link, "new" if "[" in link else link)
        elif name == "environ":
            seen["environ"] = "\n".join(line for line in lines if not line.startswith("SHLVL"))
        elif name in {"tree", "sysctl", "readable", "writable"}:
            for line in lines:
                key, _, value = line.partition(" ")
                seen[f"{name} {key}"] = _plain(value)
        else:
            seen[name] = _plain("\n".join(lines))
    if rest:
        seen["said"] = "\n".join(rest)
    return seen


def _sections(output: str) -> Iterator[tuple[str, list[str]]]:
    name, lines = "", list[str]()
    for line in output.splitlines():
        if line.startswith(_SECTION):
            yield name, lines
            name, lines = line[len(_SECTION) :], []
        else:
            lines.append(line)
    yield name, lines


def _status(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        key, _, value = line.partition(":")
        if key in _STATUS:
            words = value.split()
            yield f"status {key}", " ".join(words) if key != "NStgid" else f"{len(words)} numbers"


def _plain(text: str) -> str:
    text = re.sub(r"/proc/\d+/", "/proc/N/", text)
    text = re.sub(r"(socket|pipe|anon_inode):\[\d+\]", r"\1", text)
    return re.sub(r"pid \d+", "pid N", text)


def mounts(lines: Iterable[str], host_groups: Mapping[str, str]) -> dict[str, str]:
    """mountinfo(5), by destination; the second mount of a destination has a `'`, and so on."""
    seen: dict[str, str] = {}
    order: list[str] = []
    groups: dict[str, str] = {}
    for line in lines:
        before, separator, after = line.partition(" - ")
        words = before.split(" ")
        if not separator or len(words) < 6:
            seen["mount ?"] = line
            continue
        fstype, source, options = [*after.split(" ", 2), "", ""][:3]  # a limit may have cut the last line
        target = words[4]
        while f"mount {target} flags" in seen:
            target += "'"
        order.append(target)
        propagation = []
        for word in words[6:]:
            kind, _, number = word.partition(":")
            if number:
                number = host_groups.get(number) or groups.setdefault(number, f"own{len(groups)}")
            if kind != "propagate_from":
                propagation.append(f"{kind}:{number}" if number else kind)
        seen[f"mount {target} flags"] = words[5]
        seen[f"mount {target} propagation"] = " ".join(propagation) or "private"
        seen[f"mount {target} from"] = f"{fstype} {source} {words[3]}"
        seen[f"mount {target} data"] = options
    seen["mount order"] = " ".join(order)
    return seen
