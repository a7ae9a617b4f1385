"""The constructor of all plain data (compiled from _record.c)."""

from typing import Any

class Base:
    def __init__(self, **fields: Any) -> None:
        """Set each field of the class's `_defaults` to its keyword, else to its default; `...` stands for none.

        TypeError for a field that is missing or unknown.
        """
