"""Image layouts: which image is meant, blobs that are what they say, and layers that stay where they belong."""

from __future__ import annotations

import contextlib
import copy
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyoci import Bundle, Config, ConfigError, Image, PyociError, SyscallError, UnsupportedError
from pyoci.cgroups.systemd_annotations import PREFIX
from pyoci.library import layers
from pyoci.library.image import user_of
from pyoci.library.layer_bytes import Limits
from pyoci.plan.criu import CONFIG_ANNOTATION
from pyoci.plan.podman import MANAGER
from pyoci.spec.rules.advice import APPLIED

TAR = "application/vnd.oci.image.layer.v1.tar"
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
Entry = tuple[str, bytes | None, dict[str, Any]]


def file(name: str, data: bytes = b"", **facts: Any) -> Entry:
    return name, data, facts


def other(name: str, kind: bytes, **facts: Any) -> Entry:
    return name, None, {"type": kind, **facts}


def folder(name: str, **facts: Any) -> Entry:
    return other(name, tarfile.DIRTYPE, **{"mode": 0o755, **facts})


def link(name: str, target: str) -> Entry:
    return other(name, tarfile.SYMTYPE, linkname=target)


def tar(*entries: Entry) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, data, facts in entries:
            member = tarfile.TarInfo(name)
            member.uid, member.gid, member.mode = os.geteuid(), os.getegid(), 0o644
            for fact, value in facts.items():
                setattr(member, fact, value)
            if data is not None:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data or b""))
    return target.getvalue()


class Layout:
    """An image layout under construction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.manifests: list[dict[str, Any]] = []
        (path / "blobs/sha256").mkdir(parents=True)
        (path / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')

    def blob(self, data: bytes, media_type: str) -> dict[str, Any]:
        digest = hashlib.sha256(data).hexdigest()
        (self.path / "blobs/sha256" / digest).write_bytes(data)
        return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}

    def document(self, document: dict[str, Any], media_type: str) -> dict[str, Any]:
        return self.blob(json.dumps(document).encode(), media_type)

    def image(
        self,
        *contents: bytes,
        name: str = "",
        config: dict[str, Any] | None = None,
        compress: bool = False,
        **more: Any,
    ) -> dict[str, Any]:
        digests = [f"sha256:{hashlib.sha256(data).hexdigest()}" for data in contents]
        document = {"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": digests}, "config": config or {}}
        blobs = [
            self.blob(gzip.compress(data), f"{TAR}+gzip") if compress else self.blob(data, TAR) for data in contents
        ]
        manifest = {
            "schemaVersion": 2,
            "config": self.document(document, "application/vnd.oci.image.config.v1+json"),
            "layers": blobs,
        }
        entry = {**self.document(manifest, MANIFEST), **more}
        if name:
            entry["annotations"] = {"org.opencontainers.image.ref.name": name}
        self.manifests.append(entry)
        return entry

    def write(self) -> Path:
        (self.path / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": self.manifests}))
        return self.path


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def unpack(layout: Layout, tmp_path: Path) -> Callable[..., Path]:
    def run(*contents: bytes, compress: bool = False, **options: Any) -> Path:
        layout.image(*contents, compress=compress)
        target = tmp_path / "rootfs"
        target.mkdir()
        Image.open(layout.write()).unpack(target, **options)
        return target

    return run


def tree(path: Path) -> dict[str, str]:
    """All names below `path`, with what is in them."""
    found = {}
    for place, folders, files in os.walk(path):
        for name in folders + files:
            item = Path(place, name)
            text = f"-> {os.readlink(item)}" if item.is_symlink() else item.read_text() if item.is_file() else "/"
            found[str(item.relative_to(path))] = text
    return found


def test_a_layer(unpack: Callable[..., Path]) -> None:
    root = unpack(
        tar(
            folder("etc", mode=0o750, mtime=1000),
            file("etc/a", b"text", mode=0o4711, mtime=2000),
            link("etc/link", "/etc/a"),
            other("etc/hard", tarfile.LNKTYPE, linkname="etc/a"),
            other("pipe", tarfile.FIFOTYPE),
            file("deep/er/file", b"x"),
        )
    )
    assert (root / "etc/a").read_bytes() == b"text"
    assert stat.S_IMODE((root / "etc/a").stat().st_mode) == 0o4711
    assert (root / "etc/a").stat().st_mtime == 2000
    assert stat.S_IMODE((root / "etc").stat().st_mode) in (0o750, 0o750 | 0o700)
    assert (root / "etc").stat().st_mtime == 1000
    assert os.readlink(root / "etc/link") == "/etc/a"
    assert (root / "etc/hard").stat().st_ino == (root / "etc/a").stat().st_ino
    assert stat.S_ISFIFO((root / "pipe").stat().st_mode)
    assert (root / "deep/er/file").read_bytes() == b"x"


def test_compressed_layers(unpack: Callable[..., Path]) -> None:
    assert tree(unpack(tar(file("a", b"1")), tar(file("b", b"2")), compress=True)) == {"a": "1", "b": "2"}


def test_a_later_layer_replaces(unpack: Callable[..., Path]) -> None:
    root = unpack(
        tar(file("file", b"1"), folder("folder"), file("folder/x", b"1"), link("link", "folder"), folder("kept")),
        tar(folder("file"), file("file/y", b"2"), file("folder", b"2"), file("link", b"2"), folder("kept", mode=0o711)),
    )
    assert tree(root) == {"file": "/", "file/y": "2", "folder": "2", "link": "2", "kept": "/"}


def test_whiteouts(unpack: Callable[..., Path]) -> None:
    root = unpack(
        tar(file("a", b"1"), file("d/x", b"1"), file("d/y", b"1"), file("stays", b"1"), link("l", "stays")),
        tar(file(".wh.a"), file("d/.wh.x"), file(".wh.l"), file(".wh.nothing")),
    )
    assert tree(root) == {"d": "/", "d/y": "1", "stays": "1"}


def test_a_whiteout_of_a_folder(unpack: Callable[..., Path]) -> None:
    assert tree(unpack(tar(file("d/e/x", b"1")), tar(file(".wh.d")))) == {}


def test_whiteouts_hide_lower_layers_only(unpack: Callable[..., Path]) -> None:
    """layer.md: whiteout files MUST only apply to resources in lower layers, in whatever order they come."""
    root = unpack(
        tar(file("d/old", b"1"), file("a", b"1")),
        tar(file("d/new", b"2"), file("a", b"2"), file(".wh.d"), file(".wh.a")),
    )
    assert tree(root) == {"d": "/", "d/new": "2", "a": "2"}


def test_opaque_whiteouts(unpack: Callable[..., Path]) -> None:
    root = unpack(
        tar(file("d/old", b"1"), file("d/e/old", b"1"), file("d/f/old", b"1")),
        tar(folder("d"), file("d/e/new", b"2"), file("d/.wh..wh..opq"), file("d/later", b"2")),
    )
    assert tree(root) == {"d": "/", "d/e": "/", "d/e/new": "2", "d/later": "2"}


def outside(tmp_path: Path) -> Path:
    place = tmp_path / "outside"
    place.mkdir()
    (place / "secret").write_text("untouched")
    return place


ESCAPES: list[Callable[[Path], list[bytes]]] = [
    lambda _out: [tar(file("../outside/new", b"x"))],
    lambda out: [tar(file(f"{out}/secret", b"x"))],
    lambda out: [tar(link("l", str(out)), file("l/secret", b"x"))],
    lambda _out: [tar(link("l", "../outside"), file("l/secret", b"x"))],
    lambda out: [tar(link("l", str(out))), tar(file("l/.wh.secret"))],
    lambda out: [tar(link("l", str(out))), tar(file("l/.wh..wh..opq"))],
    lambda _out: [tar(file(".wh..."), file(".wh...")), tar(file(".wh.."))],
    lambda out: [tar(link("a", str(out)), other("h", tarfile.LNKTYPE, linkname="a/secret"), file("h", b"x"))],
    lambda out: [tar(other("h", tarfile.LNKTYPE, linkname=f"{out}/secret"), file("h", b"x"))],
    lambda _out: [tar(other("h", tarfile.LNKTYPE, linkname="../outside/secret"))],
    lambda out: [tar(link("f", f"{out}/secret"), file("f", b"x"))],
    lambda out: [tar(link("f", f"{out}/secret"), other("g", tarfile.LNKTYPE, linkname="f"), file("g", b"x"))],
    lambda out: [tar(link("d", str(out)), folder("d", mode=0o777))],
    lambda out: [tar(link("p", "/proc/self/root"), file(f"p{out}/secret", b"x"))],
    lambda _out: [tar(link("p", f"/proc/{os.getpid()}/cwd"), file("p/new", b"x"))],
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_nothing_leaves_the_target(
    unpack: Callable[..., Path], tmp_path: Path, escape: Callable[[Path], list[bytes]]
) -> None:
    place = outside(tmp_path)
    before = (place.stat().st_mode, place.stat().st_mtime_ns)
    try:
        unpack(*escape(place))
    except PyociError:
        pass  # refused, or harmless: what counts is what is outside
    assert tree(place) == {"secret": "untouched"}
    assert (place.stat().st_mode, place.stat().st_mtime_ns) == before
    assert (place / "secret").stat().st_nlink == 1
    assert sorted(os.listdir(tmp_path)) == ["layout", "outside", "rootfs"]


def test_links_lead_where_they_do_in_the_container(unpack: Callable[..., Path]) -> None:
    root = unpack(tar(folder("usr"), folder("usr/lib"), link("lib", "/usr/lib")), tar(file("lib/x", b"1")))
    assert (root / "usr/lib/x").read_bytes() == b"1"


def test_devices_are_left_out(unpack: Callable[..., Path]) -> None:
    node = other("null", tarfile.CHRTYPE, devmajor=1, devminor=3)
    assert tree(unpack(tar(node, other("disk", tarfile.BLKTYPE, devmajor=8), file("a")))) == {"a": ""}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_devices_that_root_asks_for(unpack: Callable[..., Path]) -> None:
    root = unpack(tar(other("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666)), devices=True)
    assert (root / "null").stat().st_rdev == os.makedev(1, 3)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_owners(unpack: Callable[..., Path]) -> None:
    root = unpack(tar(file("a", uid=1000, gid=7, mode=0o4755), other("l", tarfile.SYMTYPE, linkname="/a", uid=5)))
    facts = (root / "a").stat()
    assert (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == (1000, 7, 0o4755)
    assert (root / "l").lstat().st_uid == 5


def test_sizes_are_bounded(unpack: Callable[..., Path]) -> None:
    with pytest.raises(PyociError, match="more than 1000000 bytes"):
        unpack(tar(file("bomb", bytes(50_000_000))), compress=True, max_bytes=1_000_000)


def test_what_bounds_an_image_is_a_size(layout: Layout, tmp_path: Path) -> None:
    layout.image(tar(file("a", bytes(3000))))
    for size, error in (("lots", ConfigError), (-1, ConfigError), (1.5, TypeError), (True, TypeError)):
        with pytest.raises(error, match="max_bytes: "):
            Bundle.from_image(layout.write(), tmp_path / "bundle", max_bytes=size)  # type: ignore[arg-type]
    with pytest.raises(PyociError, match="more than 2048 bytes"):
        Bundle.from_image(layout.write(), tmp_path / "bundle", max_bytes="2K")
    assert not (tmp_path / "bundle").exists()
    with pytest.raises(SyscallError, match=r"unpack into .*/missing: no such file"):
        Image.open(layout.write()).unpack(tmp_path / "missing")


@pytest.mark.usefixtures("layout")
def test_the_number_of_files_is_bounded(tmp_path: Path) -> None:
    blob = tar(*(file(f"f{number}") for number in range(20)))
    limits = Limits(max_files=10)
    digest = hashlib.sha256(blob).hexdigest()
    with pytest.raises(PyociError, match="more than 10 files"):
        layers.unpack(io.BytesIO(blob), TAR, str(tmp_path), f"sha256:{digest}", limits)


def header(name: str, size: int, kind: bytes) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    "data",
    [
        header("././@LongLink", 1 << 40, tarfile.GNUTYPE_LONGNAME),
        header("pax", 1 << 33, tarfile.XHDTYPE),
        header("pax", -512, tarfile.XHDTYPE),
        header("a", -1024, tarfile.REGTYPE),
        header("sparse", -512, tarfile.GNUTYPE_SPARSE),
        header("cut", 5000, tarfile.REGTYPE) + b"x" * 100,
        b"no tar at all" * 100,
        tar(file("a/" * 300 + "b", b"x")),
        tar(file("x" * 5000, b"x")),
        tar(other("t", b"Z")),
        tar(file("a", b"", uid=(1 << 32) - 1)),
        tar(file("a", b"", pax_headers={"mtime": "nan"})),
        tar(file("a", b"", pax_headers={"comment": "x" * 1_000_000})),
    ],
    ids=lambda data: hashlib.sha256(data).hexdigest()[:6],
)
def test_broken_layers(unpack: Callable[..., Path], data: bytes) -> None:
    with pytest.raises(PyociError):
        unpack(data)


GLOBAL = tarfile.TarInfo.create_pax_global_header


def sparse_with_a_long_map() -> bytes:
    member = bytearray(header("sparse", 0, tarfile.GNUTYPE_SPARSE))
    member[482] = 1  # more of the map follows
    member[148:156] = b" " * 8
    member[148:156] = b"%06o\0 " % sum(member)
    part = b"00000000001\0" * 42 + b"\1" + b"\0" * 7
    return bytes(member) + part * 10_000 + part[:504] + b"\0" * 8


@pytest.mark.parametrize(
    "data",
    [
        GLOBAL({"a": "b"}) * 3000 + tar(file("a")),
        b"".join(GLOBAL({f"k{number}": "v" * 100_000}) + header(f"d{number}", 0, b"5") for number in range(20)),
        sparse_with_a_long_map(),
    ],
    ids=["one after the other", "for all entries", "sparse"],
)
def test_headers_that_tarfile_keeps_are_bounded(unpack: Callable[..., Path], data: bytes) -> None:
    with pytest.raises(ConfigError, match="headers"):
        unpack(data + bytes(1024))


def test_times_of_many_folders(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_TIMES_MAX", 20)
    layout.image(tar(*(folder(f"folder{number}", mtime=1000 + number) for number in range(10))))
    root = Path(Bundle.from_image(layout.write(), tmp_path / "bundle").rootfs)
    assert [int((root / f"folder{number}").stat().st_mtime) for number in range(10)] == [*range(1000, 1010)]


def test_links_do_not_lead_deeper_than_can_be_removed(layout: Layout, tmp_path: Path) -> None:
    steps = []
    for number in range(20):
        steps += [
            folder("/".join([f"l{number}"] + ["d"] * 100)),
            link(f"l{number + 1}", f"l{number}/" + "d/" * 99 + "d"),
        ]
    layout.image(tar(folder("l0"), *steps))
    with pytest.raises(ConfigError, match="folders deep"):
        Bundle.from_image(layout.write(), tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_blobs_are_checked(layout: Layout, tmp_path: Path) -> None:
    entry = layout.image(tar(file("a", b"good")))
    layout.write()
    (tmp_path / "rootfs").mkdir()
    image = Image.open(layout.path)
    path = layout.path / "blobs/sha256" / image.manifest["layers"][0]["digest"].partition(":")[2]
    good = path.read_bytes()
    for bad, words in (
        (good.replace(b"good", b"evil"), "has the digest"),
        (good + b"more", "longer than"),
        (good[:-512], "has the digest"),
    ):
        path.write_bytes(bad)
        with pytest.raises(ConfigError, match=words):
            image.unpack(tmp_path / "rootfs")
    path.unlink()
    with pytest.raises(ConfigError, match="no such file"):
        image.unpack(tmp_path / "rootfs")
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="not a regular file"):
        image.unpack(tmp_path / "rootfs")
    (layout.path / "blobs/sha256" / entry["digest"].partition(":")[2]).write_bytes(b"{}")
    with pytest.raises(ConfigError, match="shorter than"):
        Image.open(layout.path)


@pytest.mark.parametrize(
    "digest", ["sha256:../../../../etc/passwd", "sha256:", "md5:" + "0" * 32, "x", "sha256:" + "G" * 64]
)
def test_a_digest_is_no_path(layout: Layout, digest: str) -> None:
    layout.manifests.append({"mediaType": MANIFEST, "digest": digest, "size": 1})
    with pytest.raises(ConfigError, match="digest"):
        Image.open(layout.write())


@pytest.mark.usefixtures("layout")
def test_diff_ids_are_checked(tmp_path: Path) -> None:
    blob = tar(file("a"))
    with pytest.raises(ConfigError, match="has the digest"):
        layers.unpack(io.BytesIO(blob), TAR, str(tmp_path), "sha256:" + "0" * 64, Limits())


@pytest.mark.usefixtures("layout")
def test_media_types(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="which is not a tar"):
        layers.unpack(io.BytesIO(b""), "application/wasm", str(tmp_path), "sha256:" + "0" * 64, Limits())


def test_which_image(layout: Layout) -> None:
    layout.image(tar(file("a")), name="one", config={"Cmd": ["one"]})
    layout.image(tar(file("b")), name="two", config={"Cmd": ["two"]})
    path = layout.write()
    assert Image.open(path, "two").config["config"]["Cmd"] == ["two"]
    with pytest.raises(PyociError, match="several images, name one as reference: one, two"):
        Image.open(path)
    with pytest.raises(PyociError, match=r"no image named 'three' for linux/.*; it has one, two"):
        Image.open(path, "three")


def test_which_platform(layout: Layout) -> None:
    entries = [
        {**layout.image(tar(file("a")), config={"Cmd": [name]}), "platform": {"os": "linux", "architecture": name}}
        for name in ("amd64", "arm64")
    ]
    index = layout.document({"schemaVersion": 2, "manifests": entries}, INDEX)
    layout.manifests = [{**index, "annotations": {"org.opencontainers.image.ref.name": "x"}}]
    path = layout.write()
    for name in ("amd64", "arm64"):
        assert Image.open(path, "x", f"linux/{name}").config["config"]["Cmd"] == [name]
    with pytest.raises(PyociError, match="for linux/s390x"):
        Image.open(path, platform="linux/s390x")
    with pytest.raises(ConfigError, match="OS/ARCHITECTURE"):
        Image.open(path, platform="arm64")


def test_a_platform_that_only_the_image_itself_tells(layout: Layout) -> None:
    layout.image(tar(file("a")))
    path = layout.write()
    assert Image.open(path, platform="linux/amd64").config["architecture"] == "amd64"
    with pytest.raises(PyociError, match="no image for linux/arm64; this one is for linux/amd64"):
        Image.open(path, platform="linux/arm64")


@pytest.mark.parametrize("name", ["/", "./", ".", "//", "/./"])
def test_an_entry_for_the_root_itself(unpack: Callable[..., Path], name: str) -> None:
    root = unpack(tar(folder(name, mode=0o711), file("a", b"x"), folder(name, mode=0o751)))
    assert tree(root) == {"a": "x"}
    assert stat.S_IMODE(root.stat().st_mode) == 0o751


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("oci-layout", "{}"), ("oci-layout", '{"imageLayoutVersion": "2.0.0"}'), ("oci-layout", "x"),
        ("index.json", "[]"), ("index.json", "{}"), ("index.json", '{"manifests": [1]}'), ("index.json", "[" * 100000),
    ],
)  # fmt: skip
def test_broken_layouts(layout: Layout, name: str, text: str) -> None:
    layout.image(tar(file("a")))
    (layout.write() / name).write_text(text)
    with pytest.raises(PyociError):
        Image.open(layout.path)


def test_a_bundle_of_an_image(layout: Layout, tmp_path: Path) -> None:
    passwd = file("etc/passwd", b"root:x:0:0::/:\nweb:x:33:34::/:\n1000:x:0:0::/:\n")
    group = file("etc/group", b"web:x:34:\nmore:x:50:web\n")
    layout.image(
        tar(passwd, group),
        config={
            "Entrypoint": ["/bin/app"], "Cmd": ["-v"], "Env": ["A=b=c", "PATH=/x"], "WorkingDir": "/srv", "User": "web",
            "Labels": {"who": "me"}, "StopSignal": "SIGQUIT", "ExposedPorts": {"80/tcp": {}},
        },
    )  # fmt: skip
    bundle = Bundle.from_image(layout.write(), tmp_path / "bundle", config=Config.default(False).with_hostname("h"))
    made = bundle.config.document
    assert made["process"]["args"] == ["/bin/app", "-v"]
    assert {"A=b=c", "PATH=/x"} <= set(made["process"]["env"])
    assert made["process"]["cwd"] == "/srv"
    assert made["process"]["user"] == {"uid": 33, "gid": 34, "additionalGids": [50]}
    assert made["root"]["path"] == "rootfs"
    assert made["hostname"] == "h"
    assert made["annotations"] == {
        "org.opencontainers.image.os": "linux",
        "org.opencontainers.image.architecture": "amd64",
        "org.opencontainers.image.stopSignal": "SIGQUIT",
        "org.opencontainers.image.exposedPorts": "80/tcp",
        "who": "me",
    }
    with pytest.raises(PyociError, match="needs a new folder"):
        Bundle.from_image(layout.path, tmp_path / "bundle")


def test_no_other_user_gets_into_an_unpacked_image(layout: Layout, tmp_path: Path) -> None:
    layout.image(tar(file("su", b"", mode=0o4755)))
    bundle = Bundle.from_image(layout.write(), tmp_path / "bundle")
    assert stat.S_IMODE(os.stat(bundle).st_mode) == 0o700


@pytest.mark.parametrize("name", [*APPLIED, CONFIG_ANNOTATION, MANAGER, f"{PREFIX}SuccessAction"])
def test_a_label_gives_the_runtime_no_orders(layout: Layout, tmp_path: Path, name: str) -> None:
    layout.image(tar(file("a")), config={"Labels": {name: "1", "who": "me"}})
    bundle = Bundle.from_image(layout.write(), tmp_path / "bundle")
    annotations = bundle.config.document["annotations"]
    assert annotations["who"] == "me"
    assert name not in annotations


def places(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way, *(place for key, item in items for place in places(item, (*way, key)))]


OF_IMAGE: dict[str, Any] = {
    "os": "linux",
    "architecture": "amd64",
    "rootfs": {"diff_ids": []},
    "config": {"Entrypoint": ["/a"], "Cmd": ["b"], "Env": ["A=b"], "WorkingDir": "/", "User": "0", "Labels": {"a": "b"},
               "ExposedPorts": {"80": {}}, "StopSignal": "TERM"},
}  # fmt: skip
OF_MANIFEST: dict[str, Any] = {"schemaVersion": 2, "config": {}, "layers": []}


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "x", "", [], [5], {}, {"a": 5}], ids=repr)
@pytest.mark.parametrize("place", places(OF_IMAGE)[1:], ids=repr)
def test_a_config_of_another_shape_is_refused_by_its_own_error(
    layout: Layout, tmp_path: Path, place: tuple[Any, ...], value: object
) -> None:
    document = copy.deepcopy(OF_IMAGE)
    inner: Any = document
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    manifest = {**OF_MANIFEST, "config": layout.document(document, "application/vnd.oci.image.config.v1+json")}
    layout.manifests.append(layout.document(manifest, MANIFEST))
    with contextlib.suppress(PyociError):
        Bundle.from_image(layout.write(), tmp_path / "bundle")


@pytest.mark.parametrize("value", [None, True, 5, 1.5, "x", "", [], [5], {}, {"a": 5}], ids=repr)
@pytest.mark.parametrize("name", ["config", "layers", "annotations", "platform", "layer", "digest", "size"])
def test_an_index_and_a_manifest_of_another_shape(layout: Layout, tmp_path: Path, name: str, value: object) -> None:
    entry = layout.image(tar(file("a")), name="x")
    manifest = json.loads((layout.path / "blobs/sha256" / entry["digest"].partition(":")[2]).read_bytes())
    if name in ("config", "layers"):
        manifest[name] = value
    elif name == "layer":
        manifest["layers"] = [value]
    elif name in ("digest", "size"):
        manifest["layers"][0][name] = value
    changed = {**entry, **layout.document(manifest, MANIFEST)}
    if name in ("annotations", "platform"):
        changed[name] = value
    layout.manifests = [changed]
    for reference in ("x", None):
        with contextlib.suppress(PyociError):
            Bundle.from_image(layout.write(), tmp_path / f"bundle-{reference}", reference=reference)


def test_a_failure_leaves_nothing(layout: Layout, tmp_path: Path) -> None:
    layout.image(tar(file("a"), file("../b")))
    with pytest.raises(ConfigError, match="leads out of the layer"):
        Bundle.from_image(layout.write(), tmp_path / "bundle")
    assert os.listdir(tmp_path) == ["layout"]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("0", (0, 0, [])), ("33", (33, 34, [])), ("33:7", (33, 7, [])), ("web", (33, 34, [50])),
        ("web:more", (33, 50, [])), ("1000", (1000, 0, [])), ("77", (77, 0, [])),
    ],
)  # fmt: skip
def test_users(tmp_path: Path, text: str, ids: tuple[int, int, list[int]]) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("web:x:33:34::/:\n1000:x:0:0::/:\nbad:x:y:z::/:\n")
    (tmp_path / "etc/group").write_text("more:x:50:web\nbroken\n")
    assert user_of(text, tmp_path) == ids


@pytest.mark.parametrize("text", ["nobody", "web:none", "bad"])
def test_no_users(tmp_path: Path, text: str) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("web:x:33:34::/:\nbad:x:y:z::/:\n")
    with pytest.raises(ConfigError, match="its User is"):
        user_of(text, tmp_path)


def test_the_images_passwd_is_nobodys_link(tmp_path: Path) -> None:
    root, secret = tmp_path / "root", tmp_path / "secret"
    (root / "etc").mkdir(parents=True)
    secret.write_text("web:x:0:0::/:\n")
    (root / "etc/passwd").symlink_to(secret)
    with pytest.raises(ConfigError):
        user_of("web", root)
    (root / "etc/passwd").unlink()
    os.mkfifo(root / "etc/passwd")
    with pytest.raises(ConfigError):
        user_of("web", root)
