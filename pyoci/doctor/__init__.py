"""The abilities of this host for containers: `pyoci doctor`.

model    plain data: what was seen of the host, and the checks made of it
probe    looks: tries each mechanism in a child process that is thrown away
engines  looks: which engines are installed, and how they have pyoci registered
judge    decides, from what was seen: ok, limited or missing, and how to mend it (pure)
words    the checks as text and as JSON (pure)
"""
