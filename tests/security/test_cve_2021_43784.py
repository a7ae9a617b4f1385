"""CVE-2021-43784: a length of the messages between the two sides overflows; the rest is read as another message."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.bundle import Bundle
from helpers.runtime import Runtime

# Around every width that a length could have been given, up to what a config may reasonably hold.
LENGTHS = [(1 << 15) + 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 8, (1 << 17) + 3, 1 << 20]
FORGED = "READY \0GO \0PID 1\0MAP 0 0 4294967295\0"


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_config_is_taken_whole(runtime: Runtime, bundle: Bundle, length: int) -> None:
    text = (FORGED.replace("\0", "\n") * (length // 8))[:length]
    bundle.config["annotations"] = {"long": text}
    bundle.process["env"] += [
        f"V{number}={text[at : at + 100000]}" for number, at in enumerate(range(0, length, 100000))
    ]
    assert runtime.sh(bundle, "readlink /proc/self/ns/pid") != str(Path("/proc/self/ns/pid").readlink())


@pytest.mark.parametrize("length", LENGTHS)
def test_a_long_failure_is_a_failure(runtime: Runtime, bundle: Bundle, scratch: Path, length: int) -> None:
    """A hook chooses the words of the error that crosses the border."""
    (scratch / "words").write_text((FORGED * (length // 8))[:length])
    bundle.hook("createContainer", f"cat {scratch}/words >&2; exit 1")
    assert "createContainer" in runtime.refuses(bundle)


@pytest.mark.parametrize("length", LENGTHS[:4])
def test_a_long_path_is_a_failure(runtime: Runtime, bundle: Bundle, scratch: Path, length: int) -> None:
    bundle.bind(scratch, "/" + "d/" * (length // 2) + "READY")
    runtime.refuses(bundle)


def test_many_id_mappings(runtime: Runtime, bundle: Bundle) -> None:
    """The bytes of the id maps overflowed runc's field; root of the container must not become root of the host."""
    bundle.user_namespace()
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [
            {"containerID": n, "hostID": 100000 + n, "size": 1} for n in range(250)
        ]  # the kernel takes one page
    assert runtime.sh(bundle, "wc -l < /proc/self/uid_map; sed -n 1p /proc/self/uid_map").split() == [
        "250",
        "0",
        "100000",
        "1",
    ]
    for kind in ("uidMappings", "gidMappings"):
        bundle.linux[kind] = [{"containerID": n, "hostID": 100000 + n, "size": 1} for n in range(10000)]
    runtime.refuses(bundle)
