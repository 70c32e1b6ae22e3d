"""Credentials of functions that MiniStack does not run itself: those in containers of `sam local` and in a debugger."""

from urllib.parse import unquote

from mend import wraps
from ministack.core import lambda_runtime
from ministack.core.responses import json_response
from ministack.services import imds, lambda_svc

_PATH = "/v2/credentials/function/"


@wraps(imds, "handle_request")
async def a_function_gets_its_roles_credentials(handle_request, method, path, *rest):
    """AWS: Lambda gives a function a session of its role. MiniStack: does so for the functions that it runs, and nobody
    else can ask for one. Here, whoever knows a function's ARN can."""
    if not path.startswith(_PATH):
        return await handle_request(method, path, *rest)
    arn = unquote(path.removeprefix(_PATH))
    _, _, _, region, account, _, name, *_ = [*arn.split(":"), *[""] * 7]
    function = lambda_svc._functions.get_scoped(account, region, name)
    if function is None:
        return json_response({"message": f"there is no function {arn}"}, 404)
    return json_response(lambda_runtime.execution_credentials(function["config"]))
