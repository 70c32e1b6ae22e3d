"""Which execution the code of a thread works for.

MiniStack hands the execution to some of its functions and not to others. It gives each branch and each iteration of a
Map a thread with a copy of its parent's context, so that a context variable reaches them too.
"""

import contextvars

# The execution whose branch or iteration this thread runs; None outside of branches.
branch_of = contextvars.ContextVar("branch_of", default=None)

# The execution whose task this thread carries out.
task_of = contextvars.ContextVar("task_of", default=None)

# The last event that this thread added: the ARN of its execution, and its id.
last_event = contextvars.ContextVar("last_event", default=(None, 0))


def leave_execution():
    """Makes what runs next in this context an execution of its own, and no part of the one around it."""
    branch_of.set(None)
    task_of.set(None)
    last_event.set((None, 0))
