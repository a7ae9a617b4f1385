"""Flags of bind mounts as runc's main branch gives them, measured on Linux 6.18 with a tmpfs as the source.

Each row: flags of the source, options of the mount in config.json, what /proc/self/mounts shows inside, and what it
shows in a user namespace of the container's own, where "EPERM" means that `create` refuses.
"""

from __future__ import annotations

ROWS = [
    # keeps all, when no option is a flag
    ("ro,noexec,nodiratime,relatime,nosymfollow", "bind",
     "ro,noexec,nodiratime,relatime,nosymfollow", "ro,noexec,nodiratime,relatime,nosymfollow"),
    ("ro", "bind,rprivate", "ro", "ro"),
    # one that is named clears all that are not
    ("ro,noexec,nodiratime,relatime,nosymfollow", "bind,dev",
     "rw,nodiratime,relatime", "ro,noexec,nodiratime,relatime"),
    ("ro", "bind,nosuid,nodev,rprivate", "rw,nosuid,nodev", "ro,nosuid,nodev"),
    ("ro", "bind,rw,nosuid,nodev,rprivate", "rw,nosuid,nodev", "EPERM"),
    ("rw,nosuid,nodev,noexec,noatime", "bind,dev,suid,exec,atime", "rw,noatime", "EPERM"),
    ("rw,nosuid,nodev,noexec,noatime", "bind,ro", "ro,noatime", "ro,nosuid,nodev,noexec,noatime"),
    ("rw,nodev,nosymfollow", "bind,ro,symfollow", "ro", "ro,nodev"),
    ("rw,nodev,nosymfollow", "bind,rw", "rw", "rw,nodev"),
    ("rw,nosuid,nodev,noatime", "bind,ro,exec", "ro,noatime", "ro,nosuid,nodev,noatime"),
    ("ro,nosuid,nodev", "rbind,rprivate,rw", "rw", "EPERM"),
    # access times
    ("rw,noatime", "bind,norelatime", "rw,noatime", "rw,noatime"),
    ("rw,noatime", "bind,atime", "rw,noatime", "rw,noatime"),
    ("rw,noatime", "bind,relatime", "rw,relatime", "EPERM"),
    ("rw,noatime", "bind,nodiratime", "rw,nodiratime,relatime", "EPERM"),
    ("rw,nodiratime,relatime", "bind,strictatime", "rw", "EPERM"),
    ("rw,noatime", "bind,nodiratime,strictatime", "rw,nodiratime", "EPERM"),
    ("rw,noatime", "bind,nodiratime,norelatime", "rw,nodiratime,relatime", "EPERM"),
    ("rw,relatime", "bind,noatime", "rw,noatime", "EPERM"),
    ("rw", "bind,nostrictatime", "rw", "rw"),
    ("rw,nodiratime,relatime", "bind,diratime", "rw,nodiratime,relatime", "rw,nodiratime,relatime"),
]  # fmt: skip

SHOWN = {"ro", "rw", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "relatime", "nosymfollow"}
