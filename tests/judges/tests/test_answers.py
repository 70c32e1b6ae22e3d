"""Wrong answers of every protocol are found, and right ones are not."""

import pytest

from support import form_line, json_line, line, of_answer

DESCRIBE = "AmazonEC2ContainerServiceV20141113.DescribeServices"


def json_answer(**service):
    right = {"serviceName": "a", "launchType": "FARGATE", "desiredCount": 1, "createdAt": 1764331200.5}
    return json_line("ecs", DESCRIBE, {}, answer={"services": [right | service], "failures": []})


def test_a_right_json_answer_has_no_faults():
    assert of_answer(json_answer()) == []


@pytest.mark.parametrize(
    ("service", "fault"),
    [
        ({"title": "a"}, "services[].title is not in the model"),
        ({"launchType": "NONE"}, "services[].launchType is not in the enumeration: 'NONE'"),
        ({"launchType": ""}, "services[].launchType is not in the enumeration: ''"),
        ({"launchType": None}, "services[].launchType is null"),
        ({"desiredCount": "1"}, "services[].desiredCount is no integer: '1'"),
        ({"createdAt": "2026-01-01T00:00:00Z"}, "services[].createdAt is no timestamp: '2026-01-01T00:00:00Z'"),
    ],
)
def test_a_wrong_json_answer_is_found(service, fault):
    assert of_answer(json_answer(**service)) == [fault]


RULES = """<DescribeRulesResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeRulesResult>
<Rules><member><RuleArn>arn:rule</RuleArn><IsDefault>false</IsDefault><Actions><member><Type>forward</Type></member>
</Actions></member></Rules></DescribeRulesResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</DescribeRulesResponse>"""


def query_answer(old="", new=""):
    answer = RULES.replace(old, new) if old else RULES
    return form_line("elasticloadbalancing", "2015-12-01", "DescribeRules", {}, answer=answer)


def test_a_right_query_answer_has_no_faults():
    assert of_answer(query_answer()) == []


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("<Type>forward</Type>", "", "Rules[].Actions[].Type is missing"),
        ("forward", "pass", "Rules[].Actions[].Type is not in the enumeration: 'pass'"),
        ("<RuleArn>arn:rule</RuleArn>", "<Arn>arn:rule</Arn>", "Rules[].Arn is not in the model"),
        (">false<", ">no<", "Rules[].IsDefault is no boolean: 'no'"),
        ("DescribeRulesResult>", "DescribeResult>", "cannot be read: DescribeRulesResult is missing"),
        ("</Rules>", "", "cannot be read: mismatched tag"),
    ],
)
def test_a_wrong_query_answer_is_found(old, new, fault):
    (found,) = of_answer(query_answer(old, new))
    assert found.startswith(fault)


def test_ec2_answers_are_judged():
    answer = "<DescribeSubnetsResponse><requestId>1</requestId><subnetSet><item><subnetId>subnet-1</subnetId>{}</item>"
    answer += "</subnetSet></DescribeSubnetsResponse>"

    def faults(more):
        return of_answer(form_line("ec2", "2016-11-15", "DescribeSubnets", {}, answer=answer.format(more)))

    assert faults("<state>available</state>") == []
    assert faults("<state>there</state>") == ["Subnets[].State is not in the enumeration: 'there'"]
    assert faults("<title>a</title>") == ["Subnets[].title is not in the model"]


def test_rest_xml_answers_are_judged():
    answer = "<ListResourceRecordSetsResponse><ResourceRecordSets/><IsTruncated>false</IsTruncated>{}"
    answer += "</ListResourceRecordSetsResponse>"

    def faults(more):
        path = "/2013-04-01/hostedzone/Z1/rrset"
        return of_answer(line("route53", method="GET", path=path, answer=answer.format(more)))

    assert faults("<MaxItems>300</MaxItems>") == []
    assert faults("") == ["MaxItems is missing"]
    assert faults("<MaxItems>300</MaxItems><Title/>") == ["Title is not in the model"]


def test_headers_of_answers_are_judged():
    headers = {"etag": '"a"', "content-length": "2", "last-modified": "Sat, 28 Nov 2026 17:00:00 GMT"}
    recorded = line("s3", method="GET", path="/bucket/key", answer="{}", answer_headers=headers)
    assert of_answer(recorded) == []
    recorded["answer_headers"] = headers | {"last-modified": "yesterday", "x-amz-storage-class": "COLD"}
    assert of_answer(recorded) == [
        "LastModified is no timestamp: 'yesterday'",
        "StorageClass is not in the enumeration: 'COLD'",
    ]


def json_error(code, status=400, **members):
    return json_line("ecs", DESCRIBE, {}, status=status, answer={"__type": code, "message": "m", **members})


def test_errors_are_those_of_the_operation():
    assert of_answer(json_error("ClusterNotFoundException")) == []
    assert of_answer(json_error("com.amazonaws.ecs#ClusterNotFoundException")) == []
    assert of_answer(json_error("ThrottlingException")) == []
    assert of_answer(json_error("ServiceNotFoundException")) == [
        "error ServiceNotFoundException is not in the model of the operation"
    ]
    assert of_answer(json_error("")) == ["is an error without a code, with status 400"]
    assert of_answer(json_error("ClusterNotFoundException", title="a")) == [
        "error ClusterNotFoundException: title is not in the model"
    ]


def test_errors_of_queries_are_those_of_the_operation():
    def faults(code):
        answer = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
        )
        recorded = form_line("elasticloadbalancing", "2015-12-01", "DeleteRule", {}, status=400, answer=answer)
        return of_answer(recorded)

    assert faults("RuleNotFound") == []
    assert faults("NoSuchRule") == ["error NoSuchRule is not in the model of the operation"]


def test_an_error_has_the_status_of_the_model():
    path = "/2015-02-01/access-points/fsap-12345678"
    headers = {"x-amzn-errortype": "AccessPointNotFound"}

    def faults(status):
        answer = {"ErrorCode": "AccessPointNotFound", "Message": "m"}
        return of_answer(
            line("elasticfilesystem", "DELETE", path, status=status, answer=answer, answer_headers=headers)
        )

    assert faults(404) == []
    assert faults(400) == ["error AccessPointNotFound has status 400, and should have 404"]
