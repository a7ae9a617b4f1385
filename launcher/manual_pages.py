"""Let the built program write its man pages and completion scripts: what it says of itself cannot differ from it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

# Where man and shells look, below /usr or a virtual environment.
MAN_PAGES = "share/man/man8"
COMPLETION = {
    "bash": "share/bash-completion/completions/pyoci",
    "zsh": "share/zsh/site-functions/_pyoci",
    "fish": "share/fish/vendor_completions.d/pyoci.fish",
}


def write(program: Sequence[str], folder: Path) -> list[tuple[str, list[str]]]:
    """All of them, below `folder`; their places and files as setuptools' data_files. `program` is how it is called."""
    pages = folder / MAN_PAGES
    pages.mkdir(parents=True, exist_ok=True)
    _said(program, "help", "--man-pages", str(pages))
    made = [(MAN_PAGES, sorted(str(path) for path in pages.iterdir()))]
    for shell, name in COMPLETION.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_said(program, "completion", shell))
        made.append((str(Path(name).parent), [str(path)]))
    return made


def _said(program: Sequence[str], *words: str) -> str:
    return subprocess.run([*program, *words], check=True, stdout=subprocess.PIPE, text=True).stdout
