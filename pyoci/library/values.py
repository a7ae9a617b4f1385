"""Values as people write them, as the number or the list that the specification wants."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence

from pyoci.errors import ConfigError

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
PERIOD = 100_000  # microseconds of the CPU limit, the kernel's default


def size(value: int | str, name: str, unlimited: bool = True) -> int:
    """Bytes of `67108864`, `"64M"`, `"1.5 GiB"`; -1 means no limit where there may be none. ConfigError names `name`.

    Zero is refused: to the kernel and in config.json it often means that there is no limit.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"{name}: takes an int or a str such as '64M', not {type(value).__name__}")
    if isinstance(value, int):
        number = value
    else:
        word = value.strip().upper()
        digits = word[: len(word) - len(word.lstrip("0123456789."))]
        unit = word[len(digits) :].strip().removesuffix("B").removesuffix("I")
        if unit not in _UNITS or not digits.strip(".") or digits.count(".") > 1 or len(digits) > 20:
            raise ConfigError(f"{name}: must be bytes, or a size such as 64M or 1G, not {value[:40]!r}")
        number = int(float(digits) * _UNITS[unit]) if "." in digits else int(digits) * _UNITS[unit]
    if not (1 <= number < 1 << 63 or (number == -1 and unlimited)):
        no_limit = ", or -1 for no limit" if unlimited else ""
        raise ConfigError(f"{name}: must be a number of bytes from 1 to below 2^63{no_limit}, not {number}")
    return number


def cpu_quota(cpus: float, name: str = "cpus") -> int:
    """Microseconds in each PERIOD for a number of CPUs such as 0.5. ConfigError below 0.01, what the kernel takes."""
    if isinstance(cpus, bool) or not isinstance(cpus, (int, float)):
        raise TypeError(f"{name}: takes a number of CPUs such as 0.5, not {type(cpus).__name__}")
    if not (math.isfinite(cpus) and 0.01 <= cpus <= 1 << 20):
        raise ConfigError(f"{name}: must be a number of CPUs from 0.01, not {cpus}")
    return round(cpus * PERIOD)


def seconds(value: float, name: str) -> float:
    """A time to wait, zero or more. ConfigError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: takes a number of seconds or None, not {type(value).__name__}")
    if not value >= 0:
        raise ConfigError(f"{name}: must be zero seconds or more, or None for no limit, not {value}")
    return value


def most_bytes(value: int | str) -> int:
    """Of `max_bytes`: what may be copied or unpacked, zero or more. ConfigError."""
    return 0 if value == 0 and not isinstance(value, bool) else size(value, "max_bytes", unlimited=False)


def output_limit(value: int | None) -> int | None:
    """Bytes that a program may write, None for no limit. ConfigError."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise TypeError(f"max_output: takes a number of bytes or None, not {type(value).__name__}")
    if value is not None and value < 0:
        raise ConfigError(f"max_output: must be zero bytes or more, or None for no limit, not {value}")
    return value


def arguments(args: Sequence[str | os.PathLike[str]]) -> list[str]:
    """A command line as a list of words. A string is refused: it would become a list of letters."""
    if isinstance(args, (str, bytes)):
        raise TypeError(f"args: takes a list of words such as ['sh', '-c', ...], not the string {args[:40]!r}")
    words = [os.fspath(word) if isinstance(word, os.PathLike) else word for word in args]
    for word in words:
        text(word, "args")
    if not words:
        raise ConfigError("args: must have at least one entry, the program")
    return words


def options(words: Sequence[str]) -> list[str]:
    """Further options of a command. A string is refused: it would become a list of letters."""
    if isinstance(words, (str, bytes)):
        raise TypeError(f"options: takes a list of words such as ['--no-pivot'], not the string {words[:40]!r}")
    return [text(word, "options") for word in words]


def text(value: str, name: str) -> str:
    """`value`, which the kernel must be able to take: no NUL. ConfigError."""
    if not isinstance(value, str):
        raise TypeError(f"{name}: takes a str, not {type(value).__name__}")
    if "\0" in value:
        raise ConfigError(f"{name}: must hold no NUL, and {value[:40]!r} does")
    return value


def mapping(value: Mapping[str, str], name: str) -> Mapping[str, str]:
    """Names and values. A list of "NAME=value", as config.json has the environment, is refused."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: takes a mapping such as {{'NAME': 'value'}}, not {type(value).__name__}")
    return value


def variable(name: str, value: str) -> None:
    """Refuse what cannot be a variable of the environment. TypeError, ConfigError."""
    text(name, "env")
    if not name or "=" in name:
        raise ConfigError(f"env: the name {name[:40]!r} must {'not have a `=`' if name else 'have a character'}")
    text(value, f"env {name}")


def terminal_size(size: object, name: str = "size") -> tuple[int, int]:
    """Rows and columns of a terminal. TypeError, ConfigError."""
    if not isinstance(size, (tuple, list)) or len(size) != 2 or not all(type(number) is int for number in size):
        raise TypeError(f"{name}: takes (rows, columns), not {size!r}")
    for number in size:
        if not 0 <= number < 1 << 16:
            raise ConfigError(f"{name}: must be rows and columns from 0 to 65535, not {number}")
    return size[0], size[1]


def path(value: str | os.PathLike[str], name: str) -> str:
    """A path of the container's: absolute. ConfigError."""
    words = text(file_name(value, name), name)
    if not words.startswith("/"):
        raise ConfigError(f"{name}: must be an absolute path, not {words[:200]!r}")
    return words


def source(value: str | os.PathLike[str], name: str) -> str:
    """A path of the host's, made absolute."""
    return os.path.abspath(text(file_name(value, name), name))


def file_name(value: str | os.PathLike[str], name: str) -> str:
    """The text of a path. TypeError names `name`, which that of os.fspath does not."""
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{name}: takes a path as a str or PathLike, not {type(value).__name__}")
    return os.fspath(value)


def user(value: int | str | tuple[int, int], name: str = "user") -> tuple[int, int]:
    """`uid`, `(uid, gid)` or `"uid:gid"` in numbers; without a group the one with the user's number. ConfigError.

    Names are refused: what they mean would be the image's choice (CVE-2016-3697).
    """
    if isinstance(value, str):
        uid, colon, gid = value.partition(":")
        parts = (uid, gid if colon else uid)
        if not all(part.isascii() and part.isdigit() and len(part) <= 10 for part in parts):
            raise ConfigError(f"{name}: must be UID or UID:GID in numbers, not {value[:40]!r}")
        numbers = (int(parts[0]), int(parts[1]))
    elif isinstance(value, tuple):
        numbers = value
    else:
        numbers = (value, value)
    for number in numbers:
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError(f"{name}: takes numbers, not {type(number).__name__}")
        if not 0 <= number < 1 << 32:
            raise ConfigError(f"{name}: must be an ID from 0 to 4294967295, not {number}")
    return numbers
