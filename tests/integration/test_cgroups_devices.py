"""config-linux.md, "Allowed Device list": real opens and mknods in the container, on v1 and on v2."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from helpers import cgroup
from helpers.bundle import Bundle
from helpers.runtime import Runtime, until

KMSG = {"type": "c", "major": 1, "minor": 11}


def allowed(runtime: Runtime, bundle: Bundle, *rules: dict[str, Any]) -> list[str]:
    """How /dev/thing (the numbers of /dev/kmsg, which any open can try) can be opened with these rules."""
    bundle.linux["devices"] = [{"path": "/dev/thing", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666}]
    bundle.linux["resources"]["devices"] = [{"allow": False, "access": "rwm"}, *rules]
    may_read_kmsg(bundle)
    bundle.process["args"] = ["/bin/sh", "-c", script()]
    return runtime.run(bundle).stdout.split()


def may_read_kmsg(bundle: Bundle) -> None:
    """Nothing but the device rules shall refuse: reading the kernel's log takes CAP_SYSLOG."""
    for names in bundle.process["capabilities"].values():
        names.append("CAP_SYSLOG")


def script() -> str:
    # A failing redirection of `exec` ends the shell: each in a shell of its own.
    opens = {"r": "</dev/thing", "w": ">/dev/thing", "rw": "<>/dev/thing"}
    return "\n".join(f"sh -c 'exec 3{how}' 2>/dev/null && echo {access}" for access, how in opens.items()) + "\ntrue"


def test_denied_unless_allowed(runtime: Runtime, bundle: Bundle) -> None:
    assert allowed(runtime, bundle) == []


@pytest.mark.parametrize("access, opens", [("r", ["r"]), ("w", ["w"]), ("rw", ["r", "w", "rw"]), ("m", [])])
def test_access(runtime: Runtime, bundle: Bundle, access: str, opens: list[str]) -> None:
    assert allowed(runtime, bundle, {"allow": True, **KMSG, "access": access}) == opens


@pytest.mark.parametrize(
    "scope",
    [{"type": "c", "major": 1, "minor": 11}, {"type": "c", "major": 1}, {"type": "c"}, {}, {"type": "a"}],
)
def test_absent_numbers_and_types_mean_all(runtime: Runtime, bundle: Bundle, scope: dict[str, Any]) -> None:
    assert allowed(runtime, bundle, {"allow": True, **scope, "access": "rwm"}) == ["r", "w", "rw"]


@pytest.mark.parametrize("scope", [{"type": "b"}, {"type": "c", "major": 2}, {"type": "c", "major": 1, "minor": 12}])
def test_others_are_not_meant(runtime: Runtime, bundle: Bundle, scope: dict[str, Any]) -> None:
    assert allowed(runtime, bundle, {"allow": True, **scope, "access": "rwm"}) == []


def test_the_tunnel_device_is_allowed(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [{"path": "/dev/tunnel", "type": "c", "major": 10, "minor": 200}]
    words = runtime.sh(bundle, "sh -c 'exec 3<>/dev/tunnel' 2>&1 || true")
    assert "not permitted" not in words  # it may be that the kernel has no such device


def test_the_last_rule_that_matches_wins(runtime: Runtime, bundle: Bundle) -> None:
    both = {"allow": True, **KMSG, "access": "rwm"}
    no_writing = {"allow": False, **KMSG, "access": "w"}
    assert allowed(runtime, bundle, both, no_writing) == ["r"]


def test_and_earlier_ones_lose(runtime: Runtime, bundle: Bundle) -> None:
    both = {"allow": True, **KMSG, "access": "rwm"}
    no_writing = {"allow": False, **KMSG, "access": "w"}
    assert allowed(runtime, bundle, no_writing, both) == ["r", "w", "rw"]


def test_two_rules_add_up(runtime: Runtime, bundle: Bundle) -> None:
    reading, writing = ({"allow": True, **KMSG, "access": access} for access in "rw")
    assert allowed(runtime, bundle, reading, writing) == ["r", "w", "rw"]


@pytest.mark.beyond_runc("runc takes such a rule, and on v1 it has no effect")
def test_a_hole_in_a_wildcard(runtime: Runtime, bundle: Bundle) -> None:
    wide = {"allow": True, "type": "c", "major": 1, "access": "rwm"}
    hole = {"allow": False, **KMSG, "access": "w"}
    if cgroup.is_v2():
        assert allowed(runtime, bundle, wide, hole) == ["r"]
    else:
        bundle.linux["resources"]["devices"] = [{"allow": False, "access": "rwm"}, wide, hole]
        assert "cgroup v1 cannot express" in runtime.refuses(bundle)


def test_a_privileged_container_opens_all_but_what_is_denied(runtime: Runtime, bundle: Bundle) -> None:
    everything = {"allow": True, "access": "rwm"}
    assert allowed(runtime, bundle, everything) == ["r", "w", "rw"]


def test_all_but_one(runtime: Runtime, bundle: Bundle) -> None:
    everything = {"allow": True, "access": "rwm"}
    assert allowed(runtime, bundle, everything, {"allow": False, **KMSG, "access": "rwm"}) == []


def test_default_devices_work_without_any_rule(runtime: Runtime, bundle: Bundle) -> None:
    del bundle.linux["resources"]["devices"]
    runtime.sh(
        bundle, "for name in null zero full random urandom; do head -c 1 /dev/$name >/dev/null; done; : >/dev/null"
    )


def test_without_any_rule_other_devices_are_denied(runtime: Runtime, bundle: Bundle) -> None:
    bundle.linux["devices"] = [{"path": "/dev/thing", **KMSG, "fileMode": 0o666}]
    may_read_kmsg(bundle)
    choices: list[list[dict[str, Any]] | None] = [None, []]
    for rules in choices:
        bundle.linux["resources"] = {} if rules is None else {"devices": rules}
        bundle.process["args"] = ["/bin/sh", "-c", script()]
        assert runtime.run(bundle).stdout.split() == []


@pytest.mark.parametrize("mode, made", [("m", True), ("rw", True)])
def test_nodes_can_be_made_whatever_they_are(runtime: Runtime, bundle: Bundle, mode: str, made: bool) -> None:
    bundle.linux["resources"]["devices"].append({"allow": True, **KMSG, "access": mode})
    bundle.sh("mknod /dev/node c 1 11; mknod /dev/block b 7 0; ls /dev/block")
    assert (runtime.run(bundle).status == 0) == made


def test_and_not_opened(runtime: Runtime, bundle: Bundle) -> None:
    assert runtime.sh(bundle, "mknod /dev/node c 1 11; head -c 0 /dev/node 2>/dev/null || echo denied") == "denied"


@pytest.mark.beyond_runc("runc's update leaves devices alone")
def test_update_changes_the_rules_of_a_running_container(runtime: Runtime, bundle: Bundle, scratch: Path) -> None:
    bundle.sh(
        "mknod /dev/thing c 1 11; while :; do head -c 0 /dev/thing 2>/dev/null && echo yes || echo no; sleep 0.02; done"
    )
    may_read_kmsg(bundle)
    container = runtime.start(bundle)
    file = scratch / "resources.json"

    def said(word: str) -> bool:
        return word in container.stdout.split()[-3:]

    until(lambda: said("no"), "denied first")
    for rules, word in (([{"allow": True, **KMSG, "access": "rw"}], "yes"), ([], "no")):
        file.write_text(json.dumps({"devices": rules}))
        runtime.expect("update", "--resources", str(file), container.id)
        until(lambda word=word: said(word), f"then {word}")  # type: ignore[misc]
    # The default devices stayed.
    assert (container.path("/dev/null")).exists()
