"""CloudWatch."""

from ministack.services import cloudwatch
from ministack.services.cloudformation import provisioners

from support import LocalTestCase

HANDLERS = provisioners._RESOURCE_HANDLERS
SUM = {"Id": "all", "Expression": "SUM([failed])"}
FAILED = {"Id": "failed", "ReturnData": False, "MetricStat": {"Stat": "Sum", "Period": 300}}


class CloudWatch(LocalTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(cloudwatch.reset)

    def alarm(self, **props):
        common = {"AlarmName": "a", "ComparisonOperator": "GreaterThanThreshold", "Threshold": 0}
        return HANDLERS["AWS::CloudWatch::Alarm"]["create"]("Alarm", {**common, **props}, "stack")

    def test_an_alarm_watches_a_sum_of_metrics(self):
        self.alarm(Metrics=[SUM, FAILED], AlarmActions=["arn:topic"])
        kept = cloudwatch._alarms["a"]
        self.assertEqual((kept["Metrics"], kept["AlarmActions"]), ([SUM, FAILED], ["arn:topic"]))
        self.assertNotIn("MetricName", kept)
        self.assertEqual(kept["StateValue"], "INSUFFICIENT_DATA")

    def test_an_alarm_watches_either_one_metric_or_one_expression(self):
        for wrong in (
            {"Metrics": [SUM, SUM]},
            {"Metrics": [FAILED]},
            {"Metrics": [SUM], "MetricName": "m"},
            {"Metrics": [SUM], "Period": 60},
        ):
            with self.assertRaises(ValueError):
                self.alarm(**wrong)

    def test_an_alarm_on_one_metric_is_as_before(self):
        self.alarm(MetricName="m", Namespace="n")
        self.assertEqual(cloudwatch._alarms["a"]["MetricName"], "m")
