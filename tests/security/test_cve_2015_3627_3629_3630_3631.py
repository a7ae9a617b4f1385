"""CVE-2015-3627, -3629, -3630, -3631 (libcontainer).

Files opened before the root changes, links as targets, a /proc too open, labels taken away by volumes.
"""

from __future__ import annotations

import pytest
from helpers.bundle import Bundle
from helpers.hostile import Outside
from helpers.runtime import Runtime

#: What `spec` masks and protects, and every engine does.
SENSITIVE = ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern"]


@pytest.mark.parametrize("name", ["dev/stdin", "dev/stdout", "dev/null", "etc/passwd", "etc/group", "dev/console"])
def test_no_file_of_the_image_is_opened_through_the_host(
    runtime: Runtime, bundle: Bundle, outside: Outside, name: str
) -> None:
    """-3627: the image's link is followed inside of it, whatever stands there on the host."""
    bundle.config["mounts"] = [
        entry for entry in bundle.config["mounts"] if not entry["destination"].startswith("/dev")
    ]
    path = bundle.rootfs / name
    path.unlink(missing_ok=True)
    (outside.path / "passwd").write_text("evil:x:0:0:evil:/home-of-the-host:/bin/sh\n")
    outside.watch()
    path.symlink_to(outside.path / "passwd")
    result = runtime.run(_printing(bundle))
    assert "home-of-the-host" not in result.stdout
    outside.check()


def _printing(bundle: Bundle) -> Bundle:
    bundle.sh("echo $HOME; ls -l /proc/self/fd")
    return bundle


def test_a_second_container_of_the_same_rootfs(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    """-3629: the first run leaves links where the second one is to find mount points."""
    runtime.sh(bundle, f"rm -rf /mnt /home; ln -s {outside.path} /mnt; ln -s {outside.file} /home")
    for target in ("/mnt", "/mnt/folder", "/home"):
        bundle.mount(target, "tmpfs")
    runtime.run(bundle)
    outside.check()


def test_what_the_template_protects(runtime: Runtime, bundle: Bundle) -> None:
    """-3630: root of a container with the template's paths cannot write to the kernel's sensitive files."""
    import json

    (bundle.path / "config.json").unlink(missing_ok=True)
    runtime.expect("spec", "--bundle", str(bundle.path))
    template = json.loads((bundle.path / "config.json").read_text())
    bundle.linux["maskedPaths"] = template["linux"]["maskedPaths"]
    bundle.linux["readonlyPaths"] = template["linux"]["readonlyPaths"]
    script = "; ".join(f"test ! -c {path} && (: >> {path}) 2>/dev/null && echo open {path}" for path in SENSITIVE)
    assert "open" not in runtime.sh(bundle, f"({script}) || true")


def test_a_volume_does_not_take_a_label_away(runtime: Runtime, bundle: Bundle, outside: Outside) -> None:
    """-3631: with a volume over /proc/self/attr the label is still set, or the container is not made."""
    attr = outside.path / "attr"
    attr.mkdir()
    (attr / "exec").write_text("")
    outside.watch()
    bundle.bind(attr, "/proc/1/attr")
    bundle.process["apparmorProfile"] = "pyoci-no-such-profile"
    assert runtime.run(bundle).status != 0
    outside.check()
