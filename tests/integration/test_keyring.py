"""keyrings(7): the container gets a session keyring of its own, unless --no-new-keyring."""

from __future__ import annotations

import ctypes
import platform

from helpers.bundle import Bundle
from helpers.runtime import Runtime

KEYCTL = {"x86_64": 250, "aarch64": 219}[platform.machine()]
KEYCTL_JOIN_SESSION_KEYRING = 1


def own_keyring() -> None:
    """Gives the caller a session keyring, which its children inherit."""
    ctypes.CDLL(None).syscall(KEYCTL, KEYCTL_JOIN_SESSION_KEYRING, b"of-the-caller")


def keys(runtime: Runtime, bundle: Bundle, *words: str) -> str:
    # Another user than the keyring's sees it only through the session that possesses it.
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["args"] = ["/bin/cat", "/proc/keys"]
    result = runtime.run(bundle, *words, preexec=own_keyring)
    assert result.status == 0, result.stderr
    return result.stdout


def test_the_callers_keyring_is_left_behind(runtime: Runtime, bundle: Bundle) -> None:
    assert "of-the-caller" not in keys(runtime, bundle)


def test_no_new_keyring(runtime: Runtime, bundle: Bundle) -> None:
    assert "of-the-caller" in keys(runtime, bundle, "--no-new-keyring")


def test_exec_follows_what_create_was_told(runtime: Runtime, bundle: Bundle) -> None:
    bundle.sleeps()
    for words, has_its_own in (((), True), (("--no-new-keyring",), False)):
        container = runtime.create(bundle, *words)
        container.start()
        assert (f"_ses.{container.id}" in container.exec("cat", "/proc/keys").stdout) == has_its_own
        container.delete("--force")
