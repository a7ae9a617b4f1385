"""hack/release: its inputs, what it says when something is wrong, and what it puts beside the program."""

from __future__ import annotations

import hashlib
import importlib.machinery
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import rpds as _rpds

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "hack/release.d"
sys.path.insert(0, str(TOOLS))

import apt  # noqa: E402 - found beside hack/release
import inputs  # noqa: E402
import libraries  # noqa: E402
import licenses  # noqa: E402
import needed  # noqa: E402
import packages  # noqa: E402


def module(path: Path) -> ModuleType:
    loader = importlib.machinery.SourceFileLoader(f"tested_{path.stem}", str(path))  # whatever its suffix
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None and spec.loader is not None
    result = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(result)
    return result


standin = module(TOOLS / "standins/rpds.py")
rpds: Any = _rpds  # what is compared is not typed


def release(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "hack/release"), *words]
    return subprocess.run(command, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin", **environment})


def test_every_input_has_a_checksum_and_a_licence() -> None:
    for kind in inputs.read(TOOLS / "inputs.json"):
        for one in kind.values():
            assert one.files and one.license and one.version
            assert all(len(value) == 64 for value in one.files.values())


@pytest.mark.parametrize("arch", ["riscv64", "", "x86_64/../.."])
def test_an_unknown_architecture_is_one_line(arch: str, tmp_path: Path) -> None:
    done = release("--arch", arch, "--output", str(tmp_path / "dist"))
    assert done.returncode == 1 and not (tmp_path / "dist").exists()
    assert done.stderr == f"hack/release: architecture {arch} is unknown: there are x86_64, aarch64, and all\n"


@pytest.fixture
def all_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in PATH, with a stand-in for each program that building needs."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for one in needed.of(["aarch64"]):
        if one.name.endswith((".h", ".a")):
            continue
        (folder / one.name).write_text(
            "#!/bin/sh\n"
            "case $1 in\n"
            f"-print-file-name=*) name=${{1#*=}}; [ -e '{tmp_path}/no {one.name}' ] || name=/lib/$name; echo $name ;;\n"
            f"-E) read -r line; [ ! -e '{tmp_path}/no header' ] || [ \"$line\" != '#include <ltdl.h>' ] ;;\n"
            "esac\n"
        )
        (folder / one.name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_with_all_tools_nothing_is_missing(all_tools: Path) -> None:
    assert all_tools.is_dir()
    needed.check(["x86_64", "aarch64"])


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        (["gperf"], "gperf (on Debian: apt-get install gperf)"),
        (["autoreconf", "ar"], "autoreconf, ar (on Debian: apt-get install autoconf binutils)"),
        (["gcc"], "gcc, ltdl.h, libc.a, linux/seccomp.h (on Debian: apt-get install gcc libltdl-dev libc6-dev"),
    ],
)
def test_a_program_that_is_missing_is_named_with_its_package(
    gone: list[str], words: str, all_tools: Path, tmp_path: Path
) -> None:
    for name in gone:
        (all_tools / name).unlink()
    done = release("--output", str(tmp_path / "dist"), PATH=str(all_tools))
    assert done.returncode == 1 and not (tmp_path / "dist").exists()
    assert done.stderr.startswith(f"hack/release: missing: {words}")
    assert done.stderr.count("\n") == 1


def test_programs_for_another_architecture_are_asked_for_with_it_only(all_tools: Path) -> None:
    (all_tools / "aarch64-linux-gnu-gcc").unlink()
    (all_tools / "qemu-aarch64-static").unlink()
    needed.check(["x86_64"])
    words = (
        "missing: aarch64-linux-gnu-gcc, libc.a of aarch64-linux-gnu-gcc, qemu-aarch64-static "
        r"\(on Debian: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user-static\)"
    )
    with pytest.raises(inputs.ReleaseError, match=f"^{words}$"):
        needed.check(["aarch64"])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("header", "ltdl.h (on Debian: apt-get install libltdl-dev)"),
        ("gcc", "libc.a (on Debian: apt-get install libc6-dev)"),
        (
            "aarch64-linux-gnu-gcc",
            "libc.a of aarch64-linux-gnu-gcc (on Debian: apt-get install libc6-dev-arm64-cross)",
        ),
    ],
)
def test_a_header_or_library_that_a_compiler_does_not_find(
    name: str, words: str, all_tools: Path, tmp_path: Path
) -> None:
    (tmp_path / f"no {name}").touch()
    done = release("--arch", "all", PATH=str(all_tools))
    assert (done.returncode, done.stderr) == (1, f"hack/release: missing: {words}\n")


def test_packages_are_those_of_all_that_is_needed() -> None:
    here, both = (release("--packages", "--arch", arch).stdout.split() for arch in ("x86_64", "all"))
    assert both == [*here, "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user-static"]
    assert {"gcc", "gperf", "libltdl-dev"} <= set(here)


def an_input(**files: bytes) -> inputs.Input:
    return inputs.Input(
        "thing", "1", "MIT", "", {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    )


def test_a_changed_input_is_refused(tmp_path: Path) -> None:
    wanted = an_input(thing=b"as it was")
    (tmp_path / "thing").write_bytes(b"as it was")
    inputs.fetch(wanted, tmp_path)
    (tmp_path / "thing").write_bytes(b"as it is now")
    with pytest.raises(
        inputs.ReleaseError, match=r"thing: SHA-256 is [0-9a-f]{64}, inputs.json has .*: remove the file"
    ):
        inputs.fetch(wanted, tmp_path)


@pytest.mark.thorough
@pytest.mark.parametrize("package", ["", "no-such-package=1"])
def test_what_cannot_be_fetched_is_one_line_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/")  # the discard port: nobody listens
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9/")
    monkeypatch.setattr(apt, "KEYRING", "/nowhere")
    wanted = inputs.Input("no-such-package-of-anybody", "1", "MIT", package, {"file": "0" * 64})
    with pytest.raises(inputs.ReleaseError) as refused:
        inputs.fetch(wanted, tmp_path)
    assert f"put file into {tmp_path}" in str(refused.value) and "\n" not in str(refused.value)


def test_a_failed_step_names_the_log_that_has_its_output(tmp_path: Path) -> None:
    with pytest.raises(inputs.ReleaseError, match=r"false failed with status 1: .*/log has its output"):
        libraries.run(tmp_path / "log", "false", cwd=tmp_path)
    with pytest.raises(inputs.ReleaseError, match="no-such-tool is missing"):
        libraries.run(tmp_path / "log", "no-such-tool", cwd=tmp_path)


def test_the_log_that_an_error_names_outlives_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = module(ROOT / "hack/release")
    monkeypatch.setattr(libraries, "unpack_all", lambda _build: None)
    monkeypatch.setattr(libraries, "build_libraries", lambda _build, log: libraries.run(log, "false", cwd=tmp_path))
    wanted = inputs.read(TOOLS / "inputs.json")
    build = libraries.Build(libraries.MACHINES["x86_64"], wanted, tmp_path / "inputs", tmp_path / "work/x86_64")
    cache = tmp_path / "cache"
    with pytest.raises(inputs.ReleaseError) as failed:
        tool.in_folder(build, cache, "commit", fresh=True)
    assert str(failed.value) == f"false failed with status 1: {cache}/build.log has its output"
    assert "$ false" in (cache / "build.log").read_text()


CONSTANTS = (*libraries.INTERPRETER_CONSTANTS, *libraries.LIBSECCOMP_CONSTANTS)


def sources_that_define(folder: Path, *definitions: tuple[str, str]) -> None:
    for name, definition in definitions:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"#ifdef X\n#define {definition}  /* why */\n#endif\n")


def test_constants_of_the_sources_are_set(tmp_path: Path) -> None:
    sources_that_define(tmp_path, *((constant.file, constant.theirs) for constant in CONSTANTS))
    libraries.set_constants(tmp_path)
    for constant in CONSTANTS:
        assert (tmp_path / constant.file).read_text() == f"#ifdef X\n#define {constant.ours}  /* why */\n#endif\n"


def test_name_and_value_of_a_constant_are_as_far_apart_as_the_source_likes(tmp_path: Path) -> None:
    sources_that_define(tmp_path, *((constant.file, constant.theirs.replace(" ", "\t\t", 1)) for constant in CONSTANTS))
    libraries.set_constants(tmp_path)
    for constant in CONSTANTS:
        assert f"#define {constant.ours} " in (tmp_path / constant.file).read_text()


@pytest.mark.parametrize("missing", CONSTANTS, ids=lambda constant: constant.theirs.split()[0])
def test_constant_that_a_source_does_not_have_ends_the_build(missing: libraries.Constant, tmp_path: Path) -> None:
    sources_that_define(tmp_path, *((constant.file, constant.theirs) for constant in CONSTANTS))
    sources_that_define(tmp_path, (missing.file, f"{missing.theirs}0"))
    with pytest.raises(inputs.ReleaseError, match=f"{missing.file} does not define {re.escape(missing.theirs)}"):
        libraries.set_constants(tmp_path)


def test_steps_see_nothing_of_the_builders_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of-the-builder")
    monkeypatch.setenv("CFLAGS", "-march=native")
    libraries.run(tmp_path / "log", "env", cwd=tmp_path)
    text = (tmp_path / "log").read_text()
    assert "of-the-builder" not in text and "march" not in text and "SOURCE_DATE_EPOCH=0" in text


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "pyoci-1.2.3-x86_64"
    path.write_bytes(b"\x7fELF of a kind")
    path.chmod(0o755)
    return path


PARTS = [
    licenses.Part("python", "3.13.5", "PSF-2.0", "pkg:deb/debian/python3.13@3.13.5?arch=source", "0" * 64, ()),
    licenses.Part("glibc", "2.36", "GPL-3.0-or-later WITH GCC-exception-3.1", "pkg:deb/debian/libc6-dev@2.36", "", ()),
]


def test_bill_of_materials_names_each_part(program: Path) -> None:
    document: dict[str, Any] = json.loads(packages.bill_of_materials(program, "1.2.3", PARTS, "x86_64"))
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.5")
    fetched, machines = document["components"]
    assert fetched["hashes"] == [{"alg": "SHA-256", "content": "0" * 64}]
    assert fetched["licenses"] == [{"license": {"id": "PSF-2.0"}}]
    assert "hashes" not in machines and machines["licenses"] == [{"expression": PARTS[1].license}]
    main = document["metadata"]["component"]
    assert main["hashes"][0]["content"] == hashlib.sha256(program.read_bytes()).hexdigest()
    assert "timestamp" not in document["metadata"]  # the same for the same program


@pytest.fixture
def build(tmp_path: Path) -> libraries.Build:
    """With a licence for each part, where hack/release unpacks them."""
    wanted = inputs.read(TOOLS / "inputs.json")
    made = libraries.Build(libraries.MACHINES["x86_64"], wanted, tmp_path / "inputs", tmp_path / "work")
    for name in (*wanted.sources, *wanted.packages):
        made.source(name).mkdir(parents=True)
        (made.source(name) / "LICENSE").write_text(f"words of {name}")
    for path in ("Doc/license.rst", *(one.path for one in licenses.INSIDE_PYTHON)):
        (made.source("python") / path).parent.mkdir(parents=True, exist_ok=True)
        (made.source("python") / path).write_text("words of what is inside")
    if not licenses.GPL3.exists() or not shutil.which("dpkg-query"):
        pytest.skip("a release is built on Debian")
    return made


def test_copyright_has_the_words_of_every_part(build: libraries.Build) -> None:
    found = licenses.parts(build)
    assert {part.name for part in found} > {
        *build.inputs.sources,
        *build.inputs.packages,
        "glibc",
        "libgcc",
        "mimalloc",
    }
    text = licenses.copyright_text(found)
    for name in (*build.inputs.sources, *build.inputs.packages):
        assert f"words of {name}\n" in text
    assert "words of what is inside" in text
    assert "GNU GENERAL PUBLIC LICENSE" in text and "as a whole is under GPL-3.0-or-later" in text
    assert "glibc" in text and str(build.work) not in text


@pytest.mark.parametrize("gone", ["jeepney/LICENSE", "python/Objects/mimalloc/alloc.c"])
def test_part_whose_licence_is_gone_ends_the_build(build: libraries.Build, gone: str) -> None:
    (build.work / "source" / gone).unlink()
    with pytest.raises(inputs.ReleaseError, match=r"licenses\.py"):
        licenses.parts(build)


def test_wheel_is_the_program_and_the_same_each_time(program: Path, tmp_path: Path) -> None:
    made = []
    (tmp_path / "pyoci.8").write_text("a page")
    page = packages.File("share/man/man8/pyoci.8", tmp_path / "pyoci.8")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        packages.wheel(program, "1.2.3", "x86_64", [page], tmp_path / name)
        made.append(next((tmp_path / name).iterdir()))
    assert made[0].read_bytes() == made[1].read_bytes()
    with zipfile.ZipFile(made[0]) as archive:
        (script,) = [entry for entry in archive.infolist() if entry.filename.endswith("scripts/pyoci")]
        assert archive.read(script) == program.read_bytes()
        assert script.external_attr >> 16 & 0o777 == 0o755
        assert not any(entry.filename.endswith(".py") for entry in archive.infolist())
    target = tmp_path / "installed"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    done = subprocess.run([*command, str(made[0])], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (target / "bin/pyoci").read_bytes() == program.read_bytes()
    assert (target / "share/man/man8/pyoci.8").read_text() == "a page"


def test_checksums_are_what_sha256sum_reads(program: Path, tmp_path: Path) -> None:
    packages.checksums(tmp_path)
    assert subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path).returncode == 0
    program.write_bytes(b"changed")
    assert (
        subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True).returncode == 1
    )


MAPS = [
    lambda kind: kind(),
    lambda kind: kind({"a": 1, "b": 2}),
    lambda kind: kind({"a": 1}).insert("b", 2).insert("a", 3),
    lambda kind: kind({"a": 1, "b": 2}).remove("a"),
    lambda kind: kind({"a": 1}).update({"b": 2}, kind({"c": 3})),
    lambda kind: kind.convert({"a": 1}),
    lambda kind: kind.convert(kind({"a": 1})),
]


@pytest.mark.parametrize("make", MAPS)
def test_stand_in_for_a_map_of_rpds(make: Any) -> None:
    ours, original = make(standin.HashTrieMap), make(rpds.HashTrieMap)
    assert dict(ours.items()) == dict(original.items())
    assert sorted(ours) == sorted(original) and len(ours) == len(original)
    assert ours.get("a") == original.get("a") and ours.get("x", 9) == original.get("x", 9)
    assert ("a" in ours) == ("a" in original)
    assert ours == make(standin.HashTrieMap)


@pytest.mark.parametrize("kind", ["HashTrieMap", "HashTrieSet"])
def test_stand_in_refuses_to_remove_what_is_not_there(kind: str) -> None:
    for made in (standin, rpds):
        with pytest.raises(KeyError):
            getattr(made, kind)().remove("a")


def test_stand_in_for_a_set_of_rpds() -> None:
    for kind in (standin.HashTrieSet, rpds.HashTrieSet):
        one = kind().insert("a").insert("b").insert("a")
        assert sorted(one) == ["a", "b"] and len(one) == 2 and "a" in one
        assert sorted(one.update(["c"], kind(["d"]))) == ["a", "b", "c", "d"]
        assert sorted(one.discard("a").discard("x")) == ["b"]
        assert sorted(one) == ["a", "b"]  # unchanged


def test_stand_in_for_a_list_of_rpds() -> None:
    for kind in (standin.List, rpds.List):
        one = kind().push_front("a").push_front("b")
        assert list(one) == ["b", "a"] and len(one) == 2
        assert (one.first, list(one.rest)) == ("b", ["a"])
        assert list(kind([1, 2])) == list(kind(1, 2)) == [1, 2]


def test_jsonschema_explains_the_same_with_the_stand_in() -> None:
    script = """
import sys
sys.path[:0] = sys.argv[1:2]
from pyoci.spec.explain import explain
import rpds
process = {"args": "x", "cwd": "relative", "user": {"uid": -1}}
document = {"ociVersion": 7, "process": process, "linux": {"resources": []}}
print(rpds.__file__, *explain(document, "config"), sep="\\n")
"""
    said = []
    for folder in ("", str(TOOLS / "standins")):
        command = [sys.executable, "-c", script, folder]
        said.append(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines())
    assert said[0][1:] == said[1][1:] != []
    assert "standins" in said[1][0] and "standins" not in said[0][0]


FINDS = """
import sys
sys.path.insert(0, sys.argv[1])
import boot
sys.modules["_pyoci_boot"] = boot
import archive, archive_finder, freeze
packed = archive.pack({
    "oddity": (freeze.Module("oddity", "from oddity.inner import ANSWER", True), None),
    "oddity.inner": (freeze.Module("oddity.inner", "ANSWER = 42", False), None),
})
archive_finder.Archive(memoryview(packed), lambda: None).install()
import oddity
print(oddity.ANSWER)
"""


def test_archive_is_found_where_python_has_started_by_itself() -> None:
    """Without a snapshot: on a machine that refuses it, `open` is there before the archive is."""
    command = [sys.executable, "-c", FINDS, str(ROOT / "launcher")]
    assert subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout == "42\n"


def test_cold_modules_go_into_the_archive_and_no_hot_command_needs_them() -> None:
    script = """
import sys
sys.path.insert(0, sys.argv[1])
import archive, freeze
from pathlib import Path
cold = archive.cold(Path(sys.argv[2]))
names = {module.name for module in freeze.package(Path(sys.argv[2]))}
missing = [name for name in freeze.COLD if name not in names]
assert not missing, missing
print(" ".join(sorted(cold)))
"""
    command = [sys.executable, "-c", script, str(ROOT / "launcher"), str(ROOT)]
    cold = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert "pyoci.doctor.probe" in cold
    for command_name in ("create", "start", "state", "kill", "delete", "run", "exec", "list", "ps", "events"):
        loads = f"import sys, pyoci.cli.{command_name}; print(*sys.modules)"
        loaded = subprocess.run(
            [sys.executable, "-c", loads], check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT
        ).stdout.split()
        assert not set(cold) & set(loaded), command_name


def test_functions_of_engines_commands_are_beside_each_other(tmp_path: Path) -> None:
    """launcher/hot_functions.txt is written by hack/hot-functions."""
    names = (ROOT / "launcher/hot_functions.txt").read_text().split()
    assert len(names) == len(set(names))
    assert {"_PyEval_EvalFrameDefault", "raw_end", "malloc"} <= set(names)
    script = subprocess.run(
        [sys.executable, "-c", HOT_FUNCTIONS, str(ROOT / "launcher"), str(tmp_path)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    assert "*(.text._PyEval_EvalFrameDefault .text._PyEval_EvalFrameDefault.*)" in script
    assert "*libc.a:malloc.o(.text .text.*)" in script
    assert "qsort.o" not in script


HOT_FUNCTIONS = """
import sys
sys.path.insert(0, sys.argv[1])
import build_program
from pathlib import Path
print(build_program._hot_functions(Path(sys.argv[2]), build_program.of_this_python()).read_text())
"""


ORDER = """
import sys
sys.path.insert(0, sys.argv[1])
import freeze
from pathlib import Path
root = Path(sys.argv[2])
print(*(module.name for module in freeze.in_order_of_use(root, list(freeze.package(root)))))
"""


def test_modules_of_hot_commands_come_first_and_cold_ones_last() -> None:
    """launcher/hot.txt is written by hack/hot-modules."""
    hot = (ROOT / "launcher/hot.txt").read_text().split()
    command = [sys.executable, "-c", ORDER, str(ROOT / "launcher"), str(ROOT)]
    order = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    assert order[: len(hot)] == hot
    assert {f"pyoci.cli.{name}" for name in ("create", "start", "state", "kill", "delete", "run", "exec")} < set(hot)
    border = order.index("_pyoci_cold")
    assert "pyoci.cli.events" in order[len(hot) : border]
    assert "pyoci.doctor.probe" in order[border:]
