"""Before the root changes: the host's files are visible, the container's are reached through `beneath.Root`."""
