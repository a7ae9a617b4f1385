"""pyoci: a low-level OCI container runtime."""
