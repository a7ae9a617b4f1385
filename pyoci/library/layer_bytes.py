"""The bytes of a layer: uncompressed, hashed, and bounded (layer.md)."""

from __future__ import annotations

import gzip
from importlib import import_module
from typing import IO, Any, Protocol, cast

from pyoci.errors import ConfigError, PyociError, UnsupportedError

MAX_BYTES = 32 << 30
MAX_FILES = 2_000_000
CHUNK = 1 << 20
HEADERS_MAX = 1 << 22  # bytes of one entry of an archive before its content: tarfile keeps them in memory


class Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


class Limits:
    """The bytes that all layers together may still unpack to."""

    def __init__(self, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> None:
        self._max_bytes, self._max_files = max_bytes, max_files
        self._bytes, self._files = max_bytes, max_files

    def take(self, count: int) -> None:
        self._bytes -= count
        if self._bytes < 0:
            raise PyociError(f"unpack image: its layers hold more than {self._max_bytes} bytes (max_bytes)")

    def take_file(self) -> None:
        self._files -= 1
        if self._files < 0:
            raise PyociError(f"unpack image: its layers hold more than {self._max_files} files")


class Plain:
    """The uncompressed layer: hashed, and bounded, since a small blob can become a large one."""

    def __init__(self, source: Reader, digest: Any, limits: Limits) -> None:
        self._source = source
        self._digest = digest
        self._limits = limits
        self._headers: int | None = None

    def expect_headers(self, expected: bool) -> None:
        """Whether what is read from now on is headers: an archive may have any number of them, of any size."""
        self._headers = HEADERS_MAX if expected else None

    def read(self, size: int = CHUNK) -> bytes:
        data = self._source.read(size)
        self._limits.take(len(data))
        if self._headers is not None:
            self._headers -= len(data)
            if self._headers < 0:
                raise ConfigError(f"image: an entry of a layer has headers of more than {HEADERS_MAX} bytes")
        self._digest.update(data)
        return data

    def drain(self) -> None:
        """Read to the end: bytes after the archive count for the digest, too."""
        while self.read(CHUNK):
            pass

    def digest(self) -> str:
        return str(self._digest.hexdigest())


def decompressed(blob: Reader, media_type: str) -> Reader:
    kind = media_type.rpartition("+")[2] if "+" in media_type else media_type.rpartition(".")[2]
    source = cast(IO[bytes], _Buffered(blob))
    if kind == "gzip":
        return gzip.GzipFile(fileobj=source)
    if kind == "zstd":
        return _zstd(source)
    if kind == "tar":
        return blob
    raise UnsupportedError(f"image: a layer has the media type {media_type[:80]!r}, which is not a tar")


def _zstd(source: IO[bytes]) -> Reader:
    try:
        module = import_module("compression.zstd")  # Python 3.14
    except ImportError:
        raise UnsupportedError("image: a layer is compressed with zstd, which needs Python 3.14") from None
    return cast(Reader, module.ZstdFile(source))


class _Buffered:
    """A reader as the standard library's decompressors want one."""

    def __init__(self, source: Reader) -> None:
        self._source = source
        self.mode = "rb"

    def read(self, size: int = CHUNK) -> bytes:
        return self._source.read(CHUNK if size < 0 else size)

    def seekable(self) -> bool:
        return False

    def readable(self) -> bool:
        return True

    def seek(self, *_arguments: int) -> int:
        raise OSError("a layer is read forwards only")

    def tell(self) -> int:
        return 0
