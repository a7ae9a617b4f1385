"""After the root has changed: every path is the container's, and hostile."""
