"""crun's annotations run.oci.hooks.stdout and stderr: files that host-side hooks write to. Pure.

In Kubernetes a pod's author writes annotations, and hooks are programs of the host with root's rights: with any path
they would append to any file of the host. So the file is one of the bundle's own folder, which is the engine's, and has
a name that nothing else there has.
"""

from __future__ import annotations

from pyoci.errors import UnsupportedError

ANNOTATIONS = ("run.oci.hooks.stdout", "run.oci.hooks.stderr")
_SUFFIX = ".log"
_SHOWN = 200  # characters of a value in a message


def names(annotations: dict[str, str], bundle: str) -> list[str]:
    """For standard output and error the file's name in the bundle, empty without one. Raises UnsupportedError."""
    return [_name(key, annotations.get(key, ""), bundle) for key in ANNOTATIONS]


def _name(key: str, path: str, bundle: str) -> str:
    if not path:
        return ""
    name = path.removeprefix(f"{bundle}/") if path.startswith("/") else path
    if "/" in name or not name.endswith(_SUFFIX) or name.startswith("."):
        shown = repr(path) if len(path) <= _SHOWN else f"{path[:_SHOWN]!r}..."
        raise UnsupportedError(
            f"/annotations/{key}: must be a file NAME{_SUFFIX} in the bundle's folder {bundle}, not {shown}"
        )
    return name
