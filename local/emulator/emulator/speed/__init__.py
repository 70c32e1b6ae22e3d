"""Mends for what MiniStack does slowly. Without them everything behaves the same, and takes longer."""
