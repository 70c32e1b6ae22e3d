"""CloudWatch: alarms."""

from ministack.services.cloudformation import provisioners

from emulator.mend import wraps

_OF_ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Unit")


@wraps(provisioners, "_cw_metric_alarm_record")
def an_alarm_may_watch_an_expression(metric_alarm_record, name, props):
    """AWS: an alarm watches one metric, or the one among its `Metrics` that returns data, which may be an expression.

    MiniStack: refuses `Metrics`. With this mend it describes such an alarm as it was given. It has no data for it, so
    that the alarm's state stays INSUFFICIENT_DATA.
    """
    metrics = props.get("Metrics")
    if not metrics:
        return metric_alarm_record(name, props)
    both = [key for key in _OF_ONE_METRIC if props.get(key)]
    if both:
        raise ValueError(f"Alarm {name}: Metrics excludes {', '.join(both)}")
    watched = [metric["Id"] for metric in metrics if str(metric.get("ReturnData", True)).lower() == "true"]
    if len(watched) != 1:
        raise ValueError(f"Alarm {name}: exactly one of Metrics returns data, and these do: {watched}")
    # MiniStack requires a metric here. Its name is removed below, and without a name MiniStack does not evaluate it.
    stand_in = {**props, "Metrics": None, "MetricName": "-", "Namespace": "-"}
    record = metric_alarm_record(name, stand_in)
    for key in _OF_ONE_METRIC:
        record.pop(key, None)
    return {**record, "Metrics": metrics}
