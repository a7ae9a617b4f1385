"""apt with lists of its own: the machine need not know this release, this architecture, or source packages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def configure(folder: Path, sources: Sequence[str], architecture: str = "") -> list[str]:
    """The options that have apt-get and apt-cache read `sources`, lines of sources.list(5), and keep all in `folder`.

    Nothing is fetched: call `apt-get update` with these options first. Without an architecture it is the machine's.
    """
    for part in ("state/lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "sources.list").write_text("".join(f"{line}\n" for line in sources))
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State": folder / "state",
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
    }
    if architecture:
        settings |= {"APT::Architecture": architecture, "APT::Architectures": architecture}
    return [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
