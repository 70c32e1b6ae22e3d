//! Error answers in the form of each AWS service.
//!
//! Source: the error shapes of the AWS protocols (JSON, query, EC2 query, REST), and the services' "Common errors".

use super::message::Message;

/// A throttling error.
pub(super) fn throttled(service: &str) -> Message {
    let code = match service {
        "elasticloadbalancing" | "route53" => "Throttling",
        "ec2" => "RequestLimitExceeded",
        "s3" => "SlowDown",
        _ => "ThrottlingException",
    };
    let status = match service {
        "ec2" | "s3" => "503 Service Unavailable",
        "elasticfilesystem" | "lambda" => "429 Too Many Requests",
        _ => "400 Bad Request",
    };
    refused(service, status, code, "Rate exceeded")
}

/// An internal error of the service.
pub(super) fn broken(service: &str) -> Message {
    refused(service, "500 Internal Server Error", "InternalFailure", "An internal error has occurred")
}

/// A refusal that stays the same however often the call is retried.
pub(super) fn rejected(service: &str) -> Message {
    refused(service, "400 Bad Request", "ValidationException", "The request was refused by a test")
}

fn refused(service: &str, status: &str, code: &str, message: &str) -> Message {
    let xml = |body: String| Message::of(status, "Content-Type: text/xml\r\n", &body);
    let error = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    match service {
        "elasticloadbalancing" | "route53" | "sts" => {
            xml(format!("<ErrorResponse>{error}<RequestId>r</RequestId></ErrorResponse>"))
        }
        "ec2" => xml(format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>")),
        "s3" => xml(error),
        _ => Message::of(
            status,
            &format!("Content-Type: application/json\r\nx-amzn-errortype: {code}\r\n"),
            &format!(r#"{{"__type": "{code}", "message": "{message}"}}"#),
        ),
    }
}
