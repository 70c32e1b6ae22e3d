"""Containers as processes of this machine, with the kernel's namespaces and without Docker."""
