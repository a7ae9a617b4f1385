"""pyoci: a low-level OCI container runtime, and a library: docs/library.md.

The names of the library are loaded when they are asked for: the runtime's own modules import this one, and a command
pays for each that comes along.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from pyoci.errors import CgroupError as CgroupError
    from pyoci.errors import ConfigError as ConfigError
    from pyoci.errors import ContainerError as ContainerError
    from pyoci.errors import ContainerExists as ContainerExists
    from pyoci.errors import ContainerNotFound as ContainerNotFound
    from pyoci.errors import CriuError as CriuError
    from pyoci.errors import ExecutableError as ExecutableError
    from pyoci.errors import HookError as HookError
    from pyoci.errors import InvalidId as InvalidId
    from pyoci.errors import PyociError as PyociError
    from pyoci.errors import StateError as StateError
    from pyoci.errors import SyscallError as SyscallError
    from pyoci.errors import UnsupportedError as UnsupportedError
    from pyoci.errors import UsageError as UsageError
    from pyoci.library.bundle import Bundle as Bundle
    from pyoci.library.config import Config as Config
    from pyoci.library.config import default_spec as default_spec
    from pyoci.library.container import Container as Container
    from pyoci.library.image import Image as Image
    from pyoci.library.jobs import run as run
    from pyoci.library.outcome import Exit as Exit
    from pyoci.library.outcome import Finished as Finished
    from pyoci.library.outcome import OutputLimit as OutputLimit
    from pyoci.library.outcome import ProgramFailed as ProgramFailed
    from pyoci.library.outcome import Timeout as Timeout
    from pyoci.library.process import DEVNULL as DEVNULL
    from pyoci.library.process import PIPE as PIPE
    from pyoci.library.process import STDOUT as STDOUT
    from pyoci.library.process import Process as Process
    from pyoci.library.process import Terminal as Terminal
    from pyoci.library.program import find_program as find_program
    from pyoci.library.usage import Event as Event
    from pyoci.library.usage import Stats as Stats
    from pyoci.trace import Recorder

recorder: Recorder | None = None  # set by --trace


def phase(name: str, side: str = "") -> None:
    """Say what begins here, and so what ends: --trace records it (`pyoci.trace`), else nothing happens.

    `side` names the process: to be given in the first call after a fork.
    """
    if recorder is not None:
        recorder.begin(name, side)


_PUBLIC = {
    "library.bundle": ("Bundle",),
    "library.config": ("Config", "default_spec"),
    "library.container": ("Container",),
    "library.image": ("Image",),
    "library.jobs": ("run",),
    "library.outcome": ("Exit", "Finished", "OutputLimit", "ProgramFailed", "Timeout"),
    "library.process": ("DEVNULL", "PIPE", "STDOUT", "Process", "Terminal"),
    "library.program": ("find_program",),
    "library.usage": ("Event", "Stats"),
    "errors": (
        "PyociError",
        "UsageError",
        "ConfigError",
        "UnsupportedError",
        "StateError",
        "ContainerNotFound",
        "ContainerExists",
        "InvalidId",
        "SyscallError",
        "CgroupError",
        "HookError",
        "ExecutableError",
        "CriuError",
        "ContainerError",
    ),
}


def __getattr__(name: str) -> Any:
    # `from pyoci import log` asks here, too, before it loads that module: no public name, no import
    for module, names in _PUBLIC.items():
        if name in names:
            from importlib import import_module

            member = getattr(import_module(f"pyoci.{module}"), name)
            globals()[name] = member
            return member
    raise AttributeError(f"module 'pyoci' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *(name for names in _PUBLIC.values() for name in names)})
