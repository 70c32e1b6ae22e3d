"""Evaluates expressions by JSONata's reference engine, which is a program of its own: tests/judges/jsonata-engine."""

import contextlib
import json
import os
import selectors

from judges import node

# In seconds. The program itself allows an expression one second.
_PATIENCE = 30


class Engine:
    """The engine, for use in a `with` statement. It evaluates one expression after the other."""

    def __enter__(self):
        self._process = node.start("evaluate.js", node.installed("jsonata-engine"))
        self._answers = selectors.DefaultSelector()
        self._answers.register(self._process.stdout, selectors.EVENT_READ)
        return self

    def __exit__(self, *_exception):
        self._answers.close()
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()

    def evaluate(self, expression, variables, now=None):
        """The answer for an expression without its `{%` and `%}`, with `$states` and other variables by their names.

        It is a dictionary with one member: `value`; `undefined`, if there is no result; or `error`, with its code and
        message. `now` is what time it is for the expression, in milliseconds.
        """
        question = {"expression": expression, "variables": variables} | ({"now": now} if now is not None else {})
        question = json.dumps(question).encode() + b"\n"
        try:
            self._process.stdin.write(question)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended(expression) from None
        return json.loads(self._line(expression))

    def _line(self, expression):
        read = bytearray()
        # There is one answer to one question, so nothing follows the line.
        while not read.endswith(b"\n"):
            if not self._answers.select(_PATIENCE):
                raise node.NodeError(f"there is no answer after {_PATIENCE} s to {expression}")
            piece = os.read(self._process.stdout.fileno(), 1 << 20)
            if not piece:
                raise self._ended(expression)
            read += piece
        return read

    def _ended(self, expression):
        return node.NodeError(f"the engine ended with status {self._process.wait()} when it was asked for {expression}")
