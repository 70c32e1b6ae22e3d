"""A second opinion about the state machines, from another engine of Step Functions."""
