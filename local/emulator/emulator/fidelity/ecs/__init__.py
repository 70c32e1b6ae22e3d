"""Elastic Container Service, and the engine that runs its containers."""
