"""Credentials of functions that MiniStack does not run itself: those in containers of `sam local`, or in a debugger."""

from urllib.parse import unquote

from ministack.core import lambda_runtime
from ministack.core.responses import json_response
from ministack.services import imds, lambda_svc

# Its mend answers to every other path below /v2/credentials/, and runs inside the one below.
from emulator.fidelity.iam import roles  # noqa: F401
from emulator.mend import wraps

_PATH = "/v2/credentials/function/"


@wraps(imds, "handle_request")
async def a_function_gets_credentials_of_its_role(handle_request, method, path, *rest):
    """AWS: Lambda gives a function a session of its role.

    MiniStack: gives one to the functions that it runs, and to no others. Here whoever knows the ARN of a function can
    get one.
    """
    if not path.startswith(_PATH):
        return await handle_request(method, path, *rest)
    arn = unquote(path.removeprefix(_PATH))
    _, _, _, region, account, _, name, *_ = [*arn.split(":"), *[""] * 7]
    function = lambda_svc._functions.get_scoped(account, region, name)
    if function is None:
        return json_response({"message": f"there is no function {arn}"}, 404)
    return json_response(lambda_runtime.execution_credentials(function["config"]))
