"""Ranges in the option of an idmapped mount, as crun(1) writes them: `idmap=uids=0-1000-10;gids=@0-0-10`."""

from __future__ import annotations

from pyoci.errors import ConfigError
from pyoci.wire.plan import IdMapping, Namespaces, UserNamespace, on_host


def user_namespace(option: str, ranges: str, where: str, namespaces: Namespaces) -> UserNamespace:
    """The mappings of `ranges`. Raises ConfigError; `where` is the place of the options in config.json."""
    mapped: dict[str, list[IdMapping]] = {"uids": [], "gids": []}
    user = namespaces.user
    relative = {"uids": user.uid_mappings if user else [], "gids": user.gid_mappings if user else []}
    for part in ranges.split(";"):
        kind, _, texts = part.partition("=")
        if kind not in mapped:
            raise ConfigError(f"{where}: {option}={part[:80]!r} must be uids=... or gids=...")
        for text in texts.split("#"):
            mapped[kind].append(_range(text, relative[kind], f"{where}: {option}={kind}={text[:80]!r}"))
    for kind, other in (("uids", "gids"), ("gids", "uids")):
        if not mapped[kind]:
            raise ConfigError(f"{where}: {option} has {other} and needs {kind}, too")
    return UserNamespace(uid_mappings=mapped["uids"], gid_mappings=mapped["gids"])


def _range(text: str, container: list[IdMapping], what: str) -> IdMapping:
    """`0-1000-10`: ID in the file system, ID that it gets, size; after `@` the second is one of the container."""
    numbers = text.removeprefix("@").split("-")
    if len(numbers) != 3 or not all(number.isascii() and number.isdigit() and len(number) < 11 for number in numbers):
        raise ConfigError(f"{what} must be three numbers with - between them")
    first, second, size = map(int, numbers)
    if size == 0 or max(first, second) + size > 1 << 32:
        raise ConfigError(f"{what} must have a size of at least 1, and IDs of 32 bits")
    if text.startswith("@"):
        low, high = on_host(second, container), on_host(second + size - 1, container)
        if low is None or high is None or high - low != size - 1:
            raise ConfigError(f"{what} must lie in one range of the container's user namespace")
        second = low
    return IdMapping(container_id=first, host_id=second, size=size)
