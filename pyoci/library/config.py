"""A container's configuration from code: valid whenever there is one."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pyoci import jsontext
from pyoci.cli.spec import document
from pyoci.errors import ConfigError, SyscallError
from pyoci.library import values
from pyoci.spec import bundle as bundles

_Path = str | os.PathLike[str]
_SETS = ("bounding", "effective", "permitted")


def default_spec(rootless: bool = False) -> dict[str, Any]:
    """The config.json that `pyoci spec` writes, as a dict of its own; `rootless`: for the user who calls."""
    return document(rootless)


class Config:
    """A config.json that never changes: every `with_...` returns another one.

    Whatever is made is checked against the specification's schema and rules: ConfigError says by JSON pointer what
    breaks them. A wrong type is a TypeError.
    """

    __slots__ = ("_document",)

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Of a document in the form of config.json. Raises ConfigError with all that is wrong with it."""
        document_copy = _plain(document)
        bundles.accept(document_copy, "config")  # takes out what is null
        problems = bundles.all_problems(document_copy)
        if problems:
            raise ConfigError(problems)
        self._document: dict[str, Any] = document_copy

    @classmethod
    def default(cls, rootless: bool | None = None) -> Config:
        """A shell in namespaces of its own, few rights, a read-only root, no terminal.

        `rootless`: one for a user who is not root; None looks at who calls.
        """
        document = default_spec(os.geteuid() != 0 if rootless is None else rootless)
        document["process"]["terminal"] = False
        return cls(document)

    @classmethod
    def load(cls, path: _Path) -> Config:
        """Of a bundle's folder, or of a config.json. Raises ConfigError."""
        place = os.fspath(path)
        file = os.path.join(place, bundles.CONFIG) if os.path.isdir(place) else place
        return cls(jsontext.loads(bundles.read_file(file), what=file))

    @classmethod
    def from_json(cls, text: str | bytes) -> Config:
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        return cls(jsontext.loads(data, what="config"))

    @property
    def document(self) -> dict[str, Any]:
        """A copy of the whole, to look at or to edit for another Config."""
        return copy.deepcopy(self._document)

    def to_json(self) -> str:
        """As it is written to config.json."""
        return jsontext.pretty(self._document, indent="\t") + "\n"

    def to_bytes(self) -> bytes:
        """As short as it can be, for programs."""
        return jsontext.dumps(self._document).encode("ascii")

    def save(self, path: _Path) -> None:
        """Write config.json into the bundle's folder `path`, whole or not at all. Raises SyscallError."""
        target = os.path.join(os.fspath(path), bundles.CONFIG)
        temporary = f"{target}.{os.getpid()}.new"
        try:
            with open(temporary, "x", encoding="utf-8") as file:
                file.write(self.to_json())
            os.replace(temporary, target)
        except BaseException as error:
            if os.path.lexists(temporary):
                os.unlink(temporary)
            if isinstance(error, OSError):
                raise SyscallError(error.errno or 0, f"write {target}") from None
            raise

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self._document == other._document

    def __hash__(self) -> int:
        return hash(json.dumps(self._document, sort_keys=True))

    def __repr__(self) -> str:
        return f"Config({' '.join(self.args)[:80]!r}, rootfs={self.rootfs!r})"

    @property
    def args(self) -> Sequence[str]:
        return list((self._document.get("process") or {}).get("args") or ())

    @property
    def rootfs(self) -> str:
        return str((self._document.get("root") or {}).get("path", ""))

    @property
    def is_rootless(self) -> bool:
        """Whether it has a user namespace of its own."""
        return "user" in self._namespaces()

    # --- the process ---

    def with_args(self, *args: _Path) -> Config:
        """The program, looked up in the container's PATH, and its arguments."""
        return self._with(lambda new: _process(new).update(args=values.arguments(args)))

    def with_env(self, env: Mapping[str, str] | None = None, /, **more: str) -> Config:
        """Environment variables beside those that are there, or in their place."""
        variables = {**values.mapping(env or {}, "env"), **more}
        for name, value in variables.items():
            values.variable(name, value)

        def edit(new: dict[str, Any]) -> None:
            kept = [entry for entry in _process(new).get("env") or () if entry.partition("=")[0] not in variables]
            _process(new)["env"] = [*kept, *(f"{name}={value}" for name, value in variables.items())]

        return self._with(edit)

    def with_cwd(self, path: _Path) -> Config:
        return self._with(lambda new: _process(new).update(cwd=values.path(path, "cwd")))

    def with_user(self, user: int | str | tuple[int, int], groups: Iterable[int] = ()) -> Config:
        """`uid`, `(uid, gid)` or "uid:gid", as the container counts; `groups` are further ones."""
        uid, gid = values.user(user)
        more = [values.user((group, group), "groups")[0] for group in groups]

        def edit(new: dict[str, Any]) -> None:
            _process(new)["user"] = {"uid": uid, "gid": gid, **({"additionalGids": more} if more else {})}

        return self._with(edit)

    def with_terminal(self, size: tuple[int, int] | None = None) -> Config:
        """A terminal instead of three streams; `size` is rows and columns."""

        def edit(new: dict[str, Any]) -> None:
            _process(new)["terminal"] = True
            if size is not None:
                rows, columns = values.terminal_size(size)
                _process(new)["consoleSize"] = {"height": rows, "width": columns}

        return self._with(edit)

    def with_capabilities(self, *names: str) -> Config:
        """Exactly these capabilities (capabilities(7)); none without arguments."""

        def edit(new: dict[str, Any]) -> None:
            _process(new)["capabilities"] = {
                kind: [values.text(name, "capabilities") for name in names] for kind in _SETS
            }

        return self._with(edit)

    def with_rlimit(self, name: str, soft: int, hard: int | None = None) -> Config:
        """A limit of getrlimit(2), such as RLIMIT_NOFILE."""
        entry = {"type": name, "soft": soft, "hard": soft if hard is None else hard}

        def edit(new: dict[str, Any]) -> None:
            kept = [other for other in _process(new).get("rlimits") or () if other["type"] != name]
            _process(new)["rlimits"] = [*kept, entry]

        return self._with(edit)

    # --- what it sees ---

    def with_rootfs(self, path: _Path, *, read_only: bool | None = None) -> Config:
        """The folder that becomes the container's root; `read_only` None leaves that as it is."""

        def edit(new: dict[str, Any]) -> None:
            root = new.setdefault("root", {})
            root["path"] = values.source(path, "rootfs")
            if read_only is not None:
                root["readonly"] = read_only

        return self._with(edit)

    def with_read_only(self, read_only: bool = True) -> Config:
        """Whether the container may write into its root file system."""
        return self._with(lambda new: new.setdefault("root", {}).update(readonly=read_only))

    def with_hostname(self, name: str) -> Config:
        return self._with(lambda new: new.update(hostname=values.text(name, "hostname")))

    def with_mount(self, destination: _Path, type: str, source: str = "", options: Iterable[str] = ()) -> Config:
        """A mount over the root file system, after those that are there."""
        place = values.path(destination, "destination")
        entry: dict[str, Any] = {"destination": place, "type": values.text(type, "type")}
        entry["source"] = values.text(source or type, "source")
        if words := [values.text(option, "options") for option in options]:
            entry["options"] = words

        def edit(new: dict[str, Any]) -> None:
            new.setdefault("mounts", []).append(entry)

        return self._with(edit)

    def with_bind(
        self, source: _Path, destination: _Path, *, read_only: bool = False, options: Iterable[str] = ()
    ) -> Config:
        """A file or folder of the host, and all that is mounted below it, at `destination`."""
        access = ["rro"] if read_only else []
        return self.with_mount(
            destination, "none", values.source(source, "source"), ["rbind", "rprivate", *access, *options]
        )

    def with_tmpfs(self, destination: _Path, size: int | str | None = None, mode: int = 0o1777) -> Config:
        """An empty folder in memory, that anybody in the container may write to."""
        limit = [] if size is None else [f"size={values.size(size, 'size', unlimited=False)}"]
        return self.with_mount(destination, "tmpfs", "tmpfs", ["nosuid", "nodev", f"mode={mode:04o}", *limit])

    # --- namespaces and limits ---

    def with_network(self, network: _Path) -> Config:
        """ "none": only loopback; "host": the host's; or the path of a network namespace (ip-netns(8))."""
        name = values.text(values.file_name(network, "network"), "network")
        if name == "host":
            return self.without_namespace("network")
        if name != "none" and not name.startswith("/"):
            raise ConfigError(f"network: must be none, host or an absolute path, not {name[:200]!r}")
        return self.with_namespace("network", None if name == "none" else name)

    def with_namespace(self, kind: str, path: _Path | None = None) -> Config:
        """A new namespace of that type, or the one at `path`, instead of the one that is there."""
        entry = {"type": kind} if path is None else {"type": kind, "path": values.path(path, "namespace")}

        def edit(new: dict[str, Any]) -> None:
            linux = new.setdefault("linux", {})
            linux["namespaces"] = [
                *(namespace for namespace in linux.get("namespaces") or () if namespace["type"] != kind),
                entry,
            ]

        return self._with(edit)

    def without_namespace(self, kind: str) -> Config:
        """The host's namespace of that type. Without `uts`, the host name goes, too."""

        def edit(new: dict[str, Any]) -> None:
            linux = new.setdefault("linux", {})
            linux["namespaces"] = [
                namespace for namespace in linux.get("namespaces") or () if namespace["type"] != kind
            ]
            if kind == "uts":
                new.pop("hostname", None)
                new.pop("domainname", None)

        return self._with(edit)

    def with_user_namespace(
        self, uids: Iterable[tuple[int, int, int]], gids: Iterable[tuple[int, int, int]] | None = None
    ) -> Config:
        """A user namespace; each mapping is (ID in the container, ID on the host, how many). `gids`: as `uids`."""
        uids = list(uids)
        ranges = {"uidMappings": uids, "gidMappings": uids if gids is None else list(gids)}

        def edit(new: dict[str, Any]) -> None:
            linux = new.setdefault("linux", {})
            linux["namespaces"] = [
                *(namespace for namespace in linux.get("namespaces") or () if namespace["type"] != "user"),
                {"type": "user"},
            ]
            for name, mappings in ranges.items():
                linux[name] = [{"containerID": a, "hostID": b, "size": count} for a, b, count in mappings]

        return self._with(edit)

    def with_memory(self, limit: int | str, swap: int | str | None = None) -> Config:
        """The most memory its processes may have together: bytes or "64M". `swap` is memory and swap together."""
        memory = {"limit": values.size(limit, "memory")}
        if swap is not None:
            memory["swap"] = values.size(swap, "swap")
        return self.with_resources({"memory": memory})

    def with_cpus(self, cpus: float) -> Config:
        """The most CPU time: 0.5 is half of one CPU."""
        return self.with_resources({"cpu": {"quota": values.cpu_quota(cpus), "period": values.PERIOD}})

    def with_cpu_shares(self, shares: int) -> Config:
        """The weight against other containers; 1024 is the usual one."""
        return self.with_resources({"cpu": {"shares": shares}})

    def with_pids(self, limit: int) -> Config:
        """The most processes and threads."""
        return self.with_resources({"pids": {"limit": limit}})

    def with_resources(self, resources: Mapping[str, Any]) -> Config:
        """Members of `linux.resources` beside those that are there."""
        changes = _plain(resources)

        def edit(new: dict[str, Any]) -> None:
            limits = new.setdefault("linux", {}).setdefault("resources", {})
            for name, value in changes.items():
                is_section = isinstance(value, dict) and isinstance(limits.get(name), dict)
                limits[name] = {**limits[name], **value} if is_section else value

        return self._with(edit)

    def with_cgroup(self, path: str) -> Config:
        """Where its cgroup is; SLICE:PREFIX:NAME with systemd."""
        return self._with(lambda new: new.setdefault("linux", {}).update(cgroupsPath=values.text(path, "cgroup")))

    def with_seccomp(self, filter: Mapping[str, Any] | None) -> Config:
        """The filter of system calls, as `linux.seccomp`; None: without a filter."""

        def edit(new: dict[str, Any]) -> None:
            new.setdefault("linux", {}).pop("seccomp", None)
            if filter is not None:
                new["linux"]["seccomp"] = _plain(filter)

        return self._with(edit)

    def with_annotations(self, annotations: Mapping[str, str] | None = None, /, **more: str) -> Config:
        """Annotations beside those that are there: `state` and hooks get them."""
        changes = values.mapping(annotations or {}, "annotations")
        texts = {name: values.text(value, name) for name, value in {**changes, **more}.items()}
        return self._with(lambda new: new.setdefault("annotations", {}).update(texts))

    def with_changes(self, edit: Callable[[dict[str, Any]], None]) -> Config:
        """A config with a copy of the document that `edit` has changed: for properties that have no method here."""
        return self._with(edit)

    def require_rootfs(self) -> Config:
        """Itself, or ConfigError unless the rootfs is an absolute path, and so needs no bundle."""
        if not self.rootfs.startswith("/"):
            raise ConfigError(
                f"/root/path: must be an absolute path, not {self.rootfs!r}: there is no bundle; give a rootfs, or use "
                "Config.with_rootfs"
            )
        return self

    def draft(self) -> Draft:
        """Itself, to be changed several times and checked once: 0.1 ms each time less."""
        return Draft(self.document)

    def _with(self, edit: Callable[[dict[str, Any]], None]) -> Config:
        new = self.document
        edit(new)
        return Config(new)

    def _namespaces(self) -> list[str]:
        return [entry["type"] for entry in (self._document.get("linux") or {}).get("namespaces") or ()]


class Draft(Config):
    """A config between two changes: not checked before `finished`."""

    __slots__ = ()

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def finished(self) -> Config:
        """Raises ConfigError."""
        return Config(self._document)

    def _with(self, edit: Callable[[dict[str, Any]], None]) -> Config:
        edit(self._document)
        return self


def _process(document: dict[str, Any]) -> dict[str, Any]:
    process: dict[str, Any] = document.setdefault("process", {"cwd": "/"})
    return process


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """A copy that shares nothing, of what JSON has. TypeError, ConfigError for anything else."""
    if not isinstance(document, Mapping):
        raise TypeError(f"config: takes a mapping, not {type(document).__name__}")
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(document), allow_nan=False))
    except ValueError as error:
        raise ConfigError(f"config: {error}") from None
    return plain
