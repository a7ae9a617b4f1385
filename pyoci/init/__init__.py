"""The container's side.

Nothing here imports, opens or decodes a file by Python's own means once the root has changed: every module is loaded
before the fork, and every path goes through `kernel.beneath`.
"""
