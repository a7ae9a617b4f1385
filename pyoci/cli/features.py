"""Show what this runtime can do, as JSON (features.md of the specification).

`pyoci doctor` shows what this host's kernel can do.
"""

from __future__ import annotations

from pyoci import jsontext
from pyoci.cli import options, output
from pyoci.cli.main import SPEC_VERSION, VERSION, what_is_inside
from pyoci.cli.options import Call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USAGE = ""
OPTIONS = ()


def run(call: Call) -> int:
    options.expect_args(call, 0, 0, "no arguments")
    output.write(jsontext.pretty(document(call.settings.criu), indent="    ") + "\n")
    return 0


def document(criu: str = "") -> dict[str, Any]:
    """The features structure, from the tables that the plan is made with; `criu` as --criu says."""
    from pyoci.cgroups.systemd_annotations import PREFIX
    from pyoci.kernel.uapi import CAPABILITIES, NAMESPACE_FLAGS
    from pyoci.plan.criu import CONFIG_ANNOTATION
    from pyoci.plan.mounts import OPTIONS as MOUNT_OPTIONS
    from pyoci.plan.podman import MANAGER
    from pyoci.plan.process import MEMORY_FLAGS, MEMORY_MODES
    from pyoci.spec._generated_schema import CONFIG
    from pyoci.spec.rules.advice import APPLIED

    definitions: Any = CONFIG["definitions"]

    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": SPEC_VERSION,
        "hooks": list(definitions["hooks"]["properties"]),
        "mountOptions": sorted(MOUNT_OPTIONS),
        "linux": {
            "namespaces": sorted(NAMESPACE_FLAGS),
            "capabilities": list(CAPABILITIES),
            "cgroup": {"v1": True, "v2": True, "systemd": True, "systemdUser": True, "rdma": True},
            "seccomp": _seccomp(),
            "apparmor": {"enabled": True},
            "selinux": {"enabled": True},
            "memoryPolicy": {"modes": sorted(MEMORY_MODES), "flags": sorted(MEMORY_FLAGS)},
            "intelRdt": {"enabled": True, "schemata": True, "monitoring": True},
            "mountExtensions": {"idmap": {"enabled": "idmap" in MOUNT_OPTIONS}},
            "netDevices": {"enabled": True},
        },
        "annotations": {**_annotations(), **_checkpoint(criu)},
        "potentiallyUnsafeConfigAnnotations": sorted([*APPLIED, CONFIG_ANNOTATION, MANAGER, PREFIX]),
    }


def _checkpoint(criu: str) -> dict[str, str]:
    """Whether there is a criu: under the names that CRI-O and podman ask runc and crun for."""
    from pyoci.criu import swrk
    from pyoci.errors import UnsupportedError

    try:
        swrk.find(criu)
        enabled = "true"
    except UnsupportedError:
        enabled = "false"
    names = ("org.opencontainers.runc.checkpoint.enabled", "run.oci.crun.checkpoint.enabled")
    return dict.fromkeys(names, enabled)


def _annotations() -> dict[str, str]:
    about = what_is_inside()
    annotations = {
        "io.github.pyoci.version": VERSION,
        "io.github.pyoci.commit": about["commit"],
        "io.github.pyoci.python.version": about["python"],
        "io.github.pyoci.snapshot": about["snapshot"],
        "io.github.seccomp.libseccomp.version": about["libseccomp"],  # as runc calls it
    }
    return {name: value for name, value in annotations.items() if value}


def _seccomp() -> dict[str, Any]:
    from pyoci.kernel import seccomp
    from pyoci.plan.seccomp import ACTIONS, ARCHS, FLAGS, OPERATORS

    supported = seccomp.supported_flags()
    return {
        "enabled": True,
        "actions": sorted(ACTIONS),
        "operators": sorted(OPERATORS),
        "archs": sorted(ARCHS),
        "knownFlags": sorted(FLAGS),
        "supportedFlags": sorted(name for name, flag in FLAGS.items() if flag & supported),
    }
