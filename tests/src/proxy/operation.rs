//! Finds out which operation of which service a request calls.
//!
//! Source: the services' API models, for the protocol of each and the paths of those with a REST protocol.

use percent_encoding::percent_decode_str;

use super::message::{Message, RequestHead};

/// A request's operation, as IAM names it: `ecs:CreateService`.
pub(super) fn operation(request: &Message, head: &RequestHead<'_>) -> String {
    let service = service(head);
    let name = match head.header("x-amz-target").and_then(|target| target.rsplit_once('.')) {
        Some((_, name)) => name.to_owned(),
        None => field(request.body(), "Action").unwrap_or_else(|| of_path(&service, head)),
    };
    format!("{service}:{name}")
}

/// The service that the request is signed for.
pub(super) fn service(head: &RequestHead<'_>) -> String {
    credential(head, 3)
}

/// The access key that the request is signed with.
pub(super) fn access_key(head: &RequestHead<'_>) -> String {
    credential(head, 0)
}

/// A part of the signature's credential scope: 0 is the access key, then date, region, service.
fn credential(head: &RequestHead<'_>, part: usize) -> String {
    let signed = head.header("authorization").and_then(|text| text.split_once("Credential="));
    let scope = signed.and_then(|(_, scope)| scope.split(',').next()).unwrap_or_default();
    scope.split('/').nth(part).unwrap_or("unsigned").to_owned()
}

/// A field of a form-encoded body.
fn field(body: &[u8], name: &str) -> Option<String> {
    let body = std::str::from_utf8(body).ok()?;
    let (_, value) = body.split('&').filter_map(|field| field.split_once('=')).find(|(key, _)| *key == name)?;
    Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
}

fn of_path(service: &str, head: &RequestHead<'_>) -> String {
    let (path, query) = head.target.split_once('?').unwrap_or((head.target, ""));
    let last = path.trim_matches('/').split('/').nth(1).unwrap_or_default();
    let known = match (service, head.method, last) {
        ("elasticfilesystem", "POST", "access-points") => "CreateAccessPoint",
        ("elasticfilesystem", "GET", "access-points") => "DescribeAccessPoints",
        ("elasticfilesystem", "DELETE", "access-points") => "DeleteAccessPoint",
        ("elasticfilesystem", "GET", "file-systems") => "DescribeFileSystems",
        ("lambda", "POST", "functions") => "Invoke",
        ("route53", "GET", "hostedzone") if path.ends_with("/rrset") => "ListResourceRecordSets",
        ("route53", "GET", "hostedzone") => "GetHostedZone",
        ("route53", "POST", "hostedzone") => "ChangeResourceRecordSets",
        ("s3", "GET", _) if query.contains("list-type") => "ListObjectsV2",
        ("s3", "GET", _) => "GetObject",
        ("s3", "PUT", _) => "PutObject",
        ("s3", "DELETE", _) => "DeleteObject",
        ("s3", "HEAD", _) => "HeadObject",
        _ => return format!("{} {path}", head.method),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

    use super::*;

    async fn asked(line: &str, service: &str, headers: &str, body: &str) -> String {
        let authorization = format!("AWS4-HMAC-SHA256 Credential=KEY/20260101/eu-west-1/{service}/aws4_request, Sig");
        let length = body.len();
        let text = format!(
            "{line} HTTP/1.1\r\nauthorization: {authorization}\r\n{headers}content-length: {length}\r\n\r\n{body}"
        );
        let message = Message::request(&mut text.as_bytes()).await.unwrap().unwrap();
        operation(&message, &message.request_head().unwrap())
    }

    #[tokio::test]
    async fn the_operation_is_found_in_requests_of_every_protocol() {
        let target = "x-amz-target: AmazonEC2ContainerServiceV20141113.CreateService\r\n";
        assert_eq!(asked("POST /", "ecs", target, "{}").await, "ecs:CreateService");
        let form = "Action=DescribeRules&Version=2015-12-01";
        assert_eq!(asked("POST /", "elasticloadbalancing", "", form).await, "elasticloadbalancing:DescribeRules");
        let path = "DELETE /2015-02-01/access-points/fsap-1";
        assert_eq!(asked(path, "elasticfilesystem", "", "").await, "elasticfilesystem:DeleteAccessPoint");
        let path = "GET /2013-04-01/hostedzone/Z1/rrset?name=x";
        assert_eq!(asked(path, "route53", "", "").await, "route53:ListResourceRecordSets");
        assert_eq!(asked("PUT /bucket/key?x-id=PutObject", "s3", "", "").await, "s3:PutObject");
    }
}
