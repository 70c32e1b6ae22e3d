"""A read-only check of a real account, before and after the deployment."""
