"""What a function is told about its log."""

from ministack.services import lambda_svc

from support import ACCOUNT, REGION, LocalTestCase


class LogSettings(LocalTestCase):
    def environment(self, **logging):
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:f"
        config = {"FunctionName": "f", "FunctionArn": arn, "Role": "", "LoggingConfig": logging}
        made = lambda_svc._provided_worker_env(config, "/code", 1)
        return {
            name: value for name, value in made.items() if name.startswith("AWS_LAMBDA_LOG_") and "STREAM" not in name
        }

    def test_a_function_knows_the_settings_of_its_log(self):
        told = self.environment(LogFormat="JSON", LogGroup="/aws/lambda/all", ApplicationLogLevel="DEBUG")
        expected = {"FORMAT": "JSON", "GROUP_NAME": "/aws/lambda/all", "LEVEL": "DEBUG"}
        self.assertEqual(told, {f"AWS_LAMBDA_LOG_{name}": value for name, value in expected.items()})

    def test_by_default_the_log_is_text_in_the_functions_own_group(self):
        expected = {"AWS_LAMBDA_LOG_FORMAT": "Text", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f"}
        self.assertEqual(self.environment(), expected)
