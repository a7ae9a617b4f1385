"""Run a function in a child that ends with it: for what a process can do to itself only once."""

from __future__ import annotations

import os
import pickle
import resource
from collections.abc import Callable
from typing import Any


def forked(function: Callable[[], Any]) -> Any:
    """What `function` returned in a child; its exception is raised here.

    The exit status, a signal's number negative, if it did not come so far.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        try:
            try:
                result: tuple[bool, Any] = (True, function())
            except Exception as error:  # noqa: BLE001  # whatever it is, the parent judges it
                result = (False, (type(error), str(error)))
            os.write(writer, pickle.dumps(result))
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        data = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if not data:
        return status
    good, value = pickle.loads(data)  # noqa: S301  # our own child wrote it
    if good:
        return value
    # not pickled themselves: some constructors take other arguments than their words
    kind, words = value
    raised = kind.__new__(kind)
    raised.args = (words,)
    raise raised
