"""Mends for what MiniStack does otherwise than AWS, by AWS service."""
