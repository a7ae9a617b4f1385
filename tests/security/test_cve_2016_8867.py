"""CVE-2016-8867: a user who is not root gets the container's capabilities, by the ambient set."""

from __future__ import annotations

from helpers.bundle import Bundle
from helpers.runtime import Runtime


def test_a_user_gets_no_effective_ones(runtime: Runtime, bundle: Bundle) -> None:
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    (bundle.rootfs / "etc/root-only").write_text("secret")
    (bundle.rootfs / "etc/root-only").chmod(0o600)
    output = runtime.sh(bundle, "grep -hE '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status; cat /etc/root-only 2>&1 || true")
    assert output.count("0" * 16) == 4
    assert "secret" not in output


def test_exec_as_a_user_gets_none_either(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    container = runtime.start(bundle)
    output = runtime.expect(
        "exec", "--user", "1000:1000", container.id, "grep", "-hE", "^Cap(Inh|Prm|Eff|Amb)", "/proc/self/status"
    ).stdout
    assert output.count("0" * 16) == 4
