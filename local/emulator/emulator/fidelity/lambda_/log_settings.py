"""What a function is told about its log."""

from ministack.services import lambda_svc

from emulator.mend import wraps


@wraps(lambda_svc, "_provided_worker_env")
def a_function_knows_the_settings_of_its_log(provided_worker_env, config, code_dir, port):
    """AWS: the environment of a function tells it the format, the level and the group of its log.

    MiniStack: does not tell it, so that the function writes text where JSON is asked for.
    """
    environment = provided_worker_env(config, code_dir, port)
    logging = config.get("LoggingConfig") or {}
    environment["AWS_LAMBDA_LOG_FORMAT"] = logging.get("LogFormat") or "Text"
    environment["AWS_LAMBDA_LOG_GROUP_NAME"] = logging.get("LogGroup") or f"/aws/lambda/{config['FunctionName']}"
    if logging.get("ApplicationLogLevel"):
        environment["AWS_LAMBDA_LOG_LEVEL"] = logging["ApplicationLogLevel"]
    return environment
