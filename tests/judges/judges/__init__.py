"""Judges what the stack has asked of AWS by what AWS says of itself. See docs/testing.md, Judges."""
