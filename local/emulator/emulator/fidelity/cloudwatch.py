"""CloudWatch: what a template may ask of it."""

from ministack.core.responses import new_uuid
from ministack.services import cloudwatch_logs
from ministack.services.cloudformation import provisioners

from emulator.mend import wraps

_OF_ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Unit")


@wraps(provisioners, "_cw_metric_alarm_record")
def alarms_on_metric_math(metric_alarm_record, name, props):
    """AWS: an alarm watches one metric, or else the one of `Metrics` that returns data. MiniStack: refuses `Metrics`.
    The mended alarm is described as it was given, and stays without data, as MiniStack has no such metrics.
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
    # MiniStack wants some metric; it evaluates none without a name.
    stand_in = {**props, "Metrics": None, "MetricName": "-", "Namespace": "-"}
    record = metric_alarm_record(name, stand_in)
    for key in _OF_ONE_METRIC:
        record.pop(key, None)
    return {**record, "Metrics": metrics}


def _query_definition_create(logical_id, props, stack_name):
    for group in props.get("LogGroupNames") or []:
        if group not in cloudwatch_logs._log_groups:
            raise ValueError(f"AWS::Logs::QueryDefinition {logical_id}: the log group {group} does not exist.")
    for key in ("Name", "QueryString"):
        if not props.get(key):
            raise ValueError(f"AWS::Logs::QueryDefinition {logical_id}: {key} is required.")
    identifier = new_uuid()
    return identifier, {"QueryDefinitionId": identifier}


def _query_definition_update(physical_id, old_props, new_props, stack_name):
    _query_definition_create(physical_id, new_props, stack_name)
    return physical_id, {"QueryDefinitionId": physical_id}


def _query_definition_delete(physical_id, props):
    pass


# AWS: keeps queries of Logs Insights for people. MiniStack: does not know the type. It is checked, and not kept.
provisioners._RESOURCE_HANDLERS["AWS::Logs::QueryDefinition"] = {
    "create": _query_definition_create,
    "update": _query_definition_update,
    "delete": _query_definition_delete,
}
