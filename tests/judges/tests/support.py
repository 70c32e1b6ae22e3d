"""Calls as the recordings have them, for every protocol."""

import json
import urllib.parse

from judges import answers, models, requests

ROLE = "arn:aws:iam::536580886816:role/dev-create-service"


def line(
    service, method="POST", path="/", query=None, headers=None, body="", status=200, answer="", answer_headers=None
):
    """A line of the recording."""
    return {
        "principal": ROLE,
        "service": service,
        "method": method,
        "path": path,
        "query": query or {},
        "headers": headers or {},
        "body": body,
        "status": status,
        "answer_headers": answer_headers or {},
        "answer": answer if isinstance(answer, str) else json.dumps(answer),
    }


def json_line(service, target, body, **more):
    return line(service, headers={"x-amz-target": target}, body=json.dumps(body), **more)


def form_line(service, version, action, fields, **more):
    body = urllib.parse.urlencode({"Action": action, "Version": version, **fields})
    return line(service, headers={"content-type": "application/x-www-form-urlencoded"}, body=body, **more)


def of_request(recorded):
    """What is wrong with the request of a line: `member fault`, sorted."""
    return sorted(" ".join(fault).strip() for fault in requests.faults(models.call(recorded)))


def of_answer(recorded):
    """What is wrong with the answer of a line."""
    return sorted(" ".join(fault).strip() for fault in answers.faults(models.call(recorded)))
