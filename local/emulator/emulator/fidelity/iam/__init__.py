"""Identity and Access Management: who may do what."""
