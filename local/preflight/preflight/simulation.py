"""IAM's own simulator: it takes identity policies, permission boundaries and service control policies into account.

It knows nothing of the policies of resources, such as that of a file system.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Question:
    """Whether these actions may be used on these resources, with these context keys."""

    actions: list
    resources: list
    context: dict = dataclasses.field(default_factory=dict)

    def entries(self):
        """The context as the API takes it."""
        return [
            {"ContextKeyName": key, "ContextKeyValues": values, "ContextKeyType": "stringList" if many else "string"}
            for key, values in self.context.items()
            for many in [len(values) > 1 or key.startswith("route53:")]
        ]


def denied(aws, role, question):
    """What the simulator refuses, as texts."""
    found = []
    answers = aws.all(
        "iam",
        "simulate_principal_policy",
        "EvaluationResults",
        PolicySourceArn=role,
        ActionNames=question.actions,
        ResourceArns=question.resources,
        ContextEntries=question.entries(),
    )
    for answer in answers:
        if answer["EvalDecision"] == "allowed":
            continue
        why = answer["EvalDecision"]
        if not answer.get("OrganizationsDecisionDetail", {}).get("AllowedByOrganizations", True):
            why = "denied by a service control policy"
        elif not answer.get("PermissionsBoundaryDecisionDetail", {}).get("AllowedByPermissionsBoundary", True):
            why = "denied by the role's permissions boundary"
        missing = answer.get("MissingContextValues", [])
        if missing:
            why += f", without a value for {', '.join(missing)}"
        found.append(f"{answer['EvalActionName']} on {answer.get('EvalResourceName', '*')}: {why}")
    return found
