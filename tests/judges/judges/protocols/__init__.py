"""How requests and answers look on the wire, by the protocols of AWS's services.

Each module gives plain Python values whose names are those of the service's model. What the model lacks keeps its name
of the wire with a question mark in front; text that is no value of its shape's type stays text. So nothing is lost,
and `shapes` finds what is wrong.
"""
