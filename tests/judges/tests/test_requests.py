"""Wrong requests of every protocol are found, and right ones are not.

Each test has one right request, and mutants of it that are wrong in one thing.
"""

import pytest

from judges import models
from support import form_line, json_line, line, of_request


def json_request(**changes):
    body = {
        "cluster": "dev-cluster",
        "serviceName": "dev-1-service",
        "launchType": "FARGATE",
        "desiredCount": 2,
        "tags": [{"key": "tenant:id", "value": "1"}],
    }
    return json_line("ecs", "AmazonEC2ContainerServiceV20141113.CreateService", body | changes)


def test_a_right_json_request_has_no_faults():
    assert of_request(json_request()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"tags": [{"key": "k" * 129}]}, "tags[].key has more than 128 characters: 129"),
        ({"tags": [{"key": "?"}]}, r"tags[].key does not match ([\p{L}\p{Z}\p{N}_.:/=+\-@]*): '?'"),
        ({"serviceTitle": "a"}, "serviceTitle is not in the model"),
        ({"tags": [{"key": "a", "name": "b"}]}, "tags[].name is not in the model"),
        ({"launchType": "FARGATES"}, "launchType is not in the enumeration: 'FARGATES'"),
        ({"launchType": ""}, "launchType is not in the enumeration: ''"),
        ({"desiredCount": "2"}, "desiredCount is no integer: '2'"),
        ({"desiredCount": True}, "desiredCount is no integer: True"),
        ({"tags": {}}, "tags is no list: {}"),
        ({"cluster": None}, "cluster is null"),
    ],
)
def test_a_wrong_json_request_is_found(changes, fault):
    assert fault in of_request(json_request(**changes))


def test_a_missing_member_of_json_is_found():
    assert of_request(json_line("ecs", "AmazonEC2ContainerServiceV20141113.CreateService", {})) == [
        "serviceName is missing"
    ]


def test_json_that_cannot_be_read_is_found():
    broken = json_request() | {"body": "{"}
    (fault,) = of_request(broken)
    assert fault.startswith("cannot be read: ")


QUERY = {
    "Name": "dev-1-tg",
    "Protocol": "HTTP",
    "Port": "80",
    "HealthCheckEnabled": "true",
    "Tags.member.1.Key": "tenant:id",
    "Tags.member.1.Value": "1",
    "Tags.member.2.Key": "other",
}


def query_request(without=(), **changes):
    fields = {name: text for name, text in (QUERY | changes).items() if name not in without}
    return form_line("elasticloadbalancing", "2015-12-01", "CreateTargetGroup", fields)


def test_a_right_query_request_has_no_faults():
    assert of_request(query_request()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"Tags.member.1.Key": "k" * 129}, "Tags[].Key has more than 128 characters: 129"),
        ({"Title": "a"}, "Title is not in the model"),
        ({"Tags.member.1.Name": "a"}, "Tags[].Name is not in the model"),
        ({"Protocol": "HTTP/2"}, "Protocol is not in the enumeration: 'HTTP/2'"),
        ({"Port": "65536"}, "Port is more than 65535: 65536"),
        ({"Port": "http"}, "Port is no integer: 'http'"),
        ({"HealthCheckEnabled": "True"}, "HealthCheckEnabled is no boolean: 'True'"),
        ({"Tags.1.Key": "a"}, "Tags is no list: {'?1': {'Key': 'a'}}"),
        ({"Tags.member.4.Key": "a"}, "Tags is no list: "),
    ],
)
def test_a_wrong_query_request_is_found(changes, fault):
    assert any(found.startswith(fault) for found in of_request(query_request(**changes)))


def test_a_missing_member_of_a_query_is_found():
    assert of_request(query_request(without=["Name"])) == ["Name is missing"]
    assert of_request(query_request(without=["Tags.member.2.Key"], **{"Tags.member.2.Value": "a"})) == [
        "Tags[].Key is missing"
    ]


EC2 = {"Filter.1.Name": "vpc-id", "Filter.1.Value.1": "vpc-1", "SubnetId.1": "subnet-1", "MaxResults": "5"}


def ec2_request(**changes):
    return form_line("ec2", "2016-11-15", "DescribeSubnets", EC2 | changes)


def test_a_right_ec2_request_has_no_faults():
    assert of_request(ec2_request()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"Filters.1.Name": "a"}, "Filters is not in the model"),
        ({"Filter.1.Title": "a"}, "Filters[].Title is not in the model"),
        ({"MaxResults": "1001"}, "MaxResults is more than 1000: 1001"),
        ({"DryRun": "yes"}, "DryRun is no boolean: 'yes'"),
    ],
)
def test_a_wrong_ec2_request_is_found(changes, fault):
    assert of_request(ec2_request(**changes)) == [fault]


def test_a_wrong_enumeration_and_a_missing_member_of_ec2_are_found():
    fields = {"Protocol": "tcp"}
    assert of_request(form_line("ec2", "2016-11-15", "CreateNetworkAclEntry", fields)) == [
        "Egress is missing",
        "NetworkAclId is missing",
        "RuleAction is missing",
        "RuleNumber is missing",
    ]
    fields = {"NetworkAclId": "acl-1", "Egress": "true", "Protocol": "6", "RuleNumber": "1", "RuleAction": "permit"}
    (fault,) = of_request(form_line("ec2", "2016-11-15", "CreateNetworkAclEntry", fields))
    assert fault == "RuleAction is not in the enumeration: 'permit'"


def rest_json_request(path="/2015-02-01/access-points", query=None, method="POST", **changes):
    body = {"ClientToken": "t", "FileSystemId": "fs-12345678", "PosixUser": {"Uid": 33, "Gid": 33}}
    recorded = json_line("elasticfilesystem", "", {**body, **changes}, method=method, path=path, query=query or {})
    return recorded | {"headers": {}} | ({"body": ""} if method == "GET" else {})


def test_a_right_rest_json_request_has_no_faults():
    assert of_request(rest_json_request()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"ClientToken": "t" * 65}, "ClientToken has more than 64 characters: 65"),
        ({"Title": "a"}, "Title is not in the model"),
        ({"PosixUser": {"Uid": 33}}, "PosixUser.Gid is missing"),
        ({"PosixUser": {"Uid": -1, "Gid": 33}}, "PosixUser.Uid is less than 0: -1"),
        ({"FileSystemId": "other"}, "FileSystemId does not match"),
    ],
)
def test_a_wrong_rest_json_request_is_found(changes, fault):
    (found,) = of_request(rest_json_request(**changes))
    assert found.startswith(fault)


def test_path_and_query_of_rest_json_are_judged():
    described = {"method": "GET", "query": {"MaxResults": ["10"], "FileSystemId": ["fs-12345678"]}}
    assert of_request(rest_json_request(**described)) == []
    described["query"] = {"MaxResults": ["0"], "Title": ["a"]}
    assert of_request(rest_json_request(**described)) == ["MaxResults is less than 1: 0", "Title is not in the model"]
    deleted = {"method": "GET", "path": "/2015-02-01/file-systems/other/policy"}
    (fault,) = of_request(rest_json_request(**deleted))
    assert fault.startswith("FileSystemId does not match")


def test_a_wrong_enumeration_of_rest_json_is_found():
    path = "/2015-02-01/file-systems"
    recorded = line("elasticfilesystem", path=path, body='{"CreationToken": "a", "PerformanceMode": "fast"}')
    assert of_request(recorded) == ["PerformanceMode is not in the enumeration: 'fast'"]


ZONE = "/2013-04-01/hostedzone/Z123/rrset/"
CHANGE = """<ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes>
<Change><Action>CREATE</Action><ResourceRecordSet><Name>a.example</Name><Type>A</Type><TTL>60</TTL>
<ResourceRecords><ResourceRecord><Value>1.2.3.4</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change>
</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"""


def rest_xml_request(old="", new=""):
    assert old in CHANGE
    return line("route53", path=ZONE, body=CHANGE.replace(old, new) if old else CHANGE)


def test_a_right_rest_xml_request_has_no_faults():
    assert of_request(rest_xml_request()) == []


RECORD = "ChangeBatch.Changes[].ResourceRecordSet"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("a.example", "a" * 1025, f"{RECORD}.Name has more than 1024 characters: 1025"),
        ("<TTL>60</TTL>", "<Ttl>60</Ttl>", f"{RECORD}.Ttl is not in the model"),
        ("<TTL>60</TTL>", "<TTL>long</TTL>", f"{RECORD}.TTL is no long: 'long'"),
        ("CREATE", "MAKE", "ChangeBatch.Changes[].Action is not in the enumeration: 'MAKE'"),
        ("<Type>A</Type>", "", f"{RECORD}.Type is missing"),
    ],
)
def test_a_wrong_rest_xml_request_is_found(old, new, fault):
    assert of_request(rest_xml_request(old, new)) == [fault]


def s3_request(method="GET", path="/bucket/runs/1.json", query=None, headers=None):
    return line("s3", method=method, path=path, query=query, headers=headers)


def test_operations_of_s3_are_told_apart():
    for recorded, name in (
        (s3_request(), "GetObject"),
        (s3_request(query={"tagging": [""]}), "GetObjectTagging"),
        (s3_request(path="/bucket", query={"list-type": ["2"], "prefix": ["a"]}), "ListObjectsV2"),
        (s3_request("PUT", query={"x-id": ["PutObject"]}), "PutObject"),
        (s3_request("PUT", headers={"x-amz-copy-source": "a/b"}), "CopyObject"),
        (s3_request("PUT", query={"partNumber": ["1"], "uploadId": ["u"]}), "UploadPart"),
        (s3_request("DELETE"), "DeleteObject"),
        (s3_request("DELETE", query={"uploadId": ["u"]}), "AbortMultipartUpload"),
    ):
        assert models.call(recorded).operation.name == name
        assert of_request(recorded) == []


def test_headers_of_s3_are_judged():
    recorded = s3_request("PUT", headers={"x-amz-server-side-encryption": "secret"})
    assert of_request(recorded) == ["ServerSideEncryption is not in the enumeration: 'secret'"]


@pytest.mark.parametrize(
    ("recorded", "fault"),
    [
        (json_line("ecs", "AmazonEC2ContainerServiceV20141113.MakeService", {}), "ecs has no operation 'MakeService'"),
        (json_line("ecs", "Other.CreateService", {}), "the target is Other.CreateService"),
        (form_line("elasticloadbalancing", "2015-12-01", "MakeRule", {}), "elbv2 has no operation 'MakeRule'"),
        (form_line("elasticloadbalancing", "2011-11-05", "CreateRule", {}), "the version is 2011-11-05"),
        (line("elasticfilesystem", path="/2015-02-01/points"), "no operation is at POST /2015-02-01/points"),
        (line("route53", method="PATCH", path=ZONE), "no operation is at PATCH"),
        (line("teapot"), "AWS has no service teapot"),
    ],
)
def test_an_operation_that_does_not_exist_is_found(recorded, fault):
    with pytest.raises(models.UnknownOperationError, match=fault):
        models.call(recorded)
