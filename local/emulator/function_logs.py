"""How functions write their logs."""

from mend import wraps
from ministack.services import lambda_svc


@wraps(lambda_svc, "_provided_worker_env")
def functions_know_their_log_format(provided_worker_env, config, code_dir, port):
    """AWS: tells a function by its environment in which format and to which group it logs. MiniStack: does not, and
    text is in the log where there should be JSON."""
    environment = provided_worker_env(config, code_dir, port)
    logging = config.get("LoggingConfig") or {}
    environment["AWS_LAMBDA_LOG_FORMAT"] = logging.get("LogFormat") or "Text"
    environment["AWS_LAMBDA_LOG_GROUP_NAME"] = logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    if logging.get("ApplicationLogLevel"):
        environment["AWS_LAMBDA_LOG_LEVEL"] = logging["ApplicationLogLevel"]
    return environment
