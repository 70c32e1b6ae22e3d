"""The list of all calls that the preflight makes. It makes no other: `aws.Aws` refuses them.

The policy that the caller needs is derived from this list.
"""

# By boto3's service: its prefix in IAM, and the operations.
_CALLS = {
    "acm": ("acm", ["describe_certificate"]),
    "cloudformation": ("cloudformation", ["describe_stacks", "list_stack_resources"]),
    "cloudwatch": ("cloudwatch", ["describe_alarms"]),
    "ec2": (
        "ec2",
        [
            "describe_nat_gateways",
            "describe_network_interfaces",
            "describe_route_tables",
            "describe_security_groups",
            "describe_subnets",
            "describe_vpc_attribute",
            "describe_vpc_endpoints",
            "describe_vpcs",
        ],
    ),
    "ecs": ("ecs", ["describe_clusters", "describe_task_definition"]),
    "efs": (
        "elasticfilesystem",
        [
            "describe_access_points",
            "describe_file_system_policy",
            "describe_file_systems",
            "describe_mount_target_security_groups",
            "describe_mount_targets",
        ],
    ),
    "elbv2": (
        "elasticloadbalancing",
        [
            "describe_listeners",
            "describe_listener_certificates",
            "describe_load_balancers",
            "describe_rules",
            "describe_tags",
            "describe_target_groups",
        ],
    ),
    "events": ("events", ["describe_event_bus", "describe_rule", "list_targets_by_rule"]),
    "iam": ("iam", ["get_account_summary", "get_role", "simulate_principal_policy"]),
    "lambda": ("lambda", ["get_account_settings", "get_function_configuration", "get_layer_version", "invoke"]),
    "rds": ("rds", ["describe_db_instances", "describe_db_parameters"]),
    "route53": ("route53", ["get_hosted_zone", "list_resource_record_sets"]),
    "secretsmanager": ("secretsmanager", ["describe_secret"]),
    "service-quotas": ("servicequotas", ["list_aws_default_service_quotas", "list_service_quotas"]),
    "sns": ("sns", ["list_subscriptions_by_topic"]),
    "sqs": ("sqs", ["get_queue_attributes", "get_queue_url"]),
    "stepfunctions": ("states", ["describe_state_machine"]),
    # Needs no permission.
    "sts": (None, ["get_caller_identity"]),
}

CALLS = frozenset((service, operation) for service, (_, operations) in _CALLS.items() for operation in operations)

# Where the action has another name than the operation.
_ACTIONS = {"invoke": "InvokeFunction", "list_aws_default_service_quotas": "ListAWSDefaultServiceQuotas"}

# Where AWS can restrict the action to resources and the preflight needs no others. The secrets are only described.
_RESOURCES = {
    "lambda:InvokeFunction": "arn:aws:lambda:*:*:function:{environment}-*",
    "secretsmanager:DescribeSecret": "arn:aws:secretsmanager:*:*:secret:{environment}-*",
}


def action(service, operation):
    """The IAM action of a call; None if it needs no permission."""
    prefix, _ = _CALLS[service]
    if prefix is None:
        return None
    words = _ACTIONS.get(operation) or "".join(word.capitalize() for word in operation.split("_"))
    # AWS writes these abbreviations in capital letters.
    return f"{prefix}:{words.replace('Db', 'DB')}"


def policy(environment):
    """The policy that allows all calls, and nothing else."""
    actions = sorted(filter(None, (action(*call) for call in CALLS)))
    statements = [{"Effect": "Allow", "Action": [name for name in actions if name not in _RESOURCES], "Resource": "*"}]
    for name, resource in sorted(_RESOURCES.items()):
        statements.append({"Effect": "Allow", "Action": [name], "Resource": resource.format(environment=environment)})
    return {"Version": "2012-10-17", "Statement": statements}
