"""`maskedPaths`, `readonlyPaths`, `sysctl`: lists that need no more than order and form."""

from __future__ import annotations


def plan(paths: list[str] | None) -> list[str]:
    """Absolute, without repetition; a path beneath another one stays, since it may be a mount of its own."""
    return list(dict.fromkeys("/" + path.strip("/") for path in paths or ()))


def clean(path: str) -> str:
    """The path in its shortest spelling, absolute: `proc//x/../` is `/proc`.

    By its words alone, as runc cleans destinations of mounts and devices. Links are the kernel's business, later.
    """
    if path[:1] == "/" and path[-1] != "/" and "//" not in path and "/." not in path:
        return path  # as nearly all are
    parts: list[str] = []
    for part in path.split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in ("", "."):
            parts.append(part)
    return "/" + "/".join(parts)


def sysctl(values: dict[str, str] | None) -> list[tuple[str, str]]:
    """(path below /proc/sys, value). Both spellings of sysctl(8): dots, or slashes where a name has dots."""
    if not values:
        return []
    from pyoci.spec.rules.linux import with_slashes  # loaded already: it has checked the names

    return [(with_slashes(name), value) for name, value in values.items()]
