//! Reports the tenants that lacked a resource in two audits in a row.

use functions::reading::audit::report;

functions::lambda! {
    s3 = aws_sdk_s3::Client::new;
    events = aws_sdk_eventbridge::Client::new;
    |settings, request| report::report(s3, events, &settings, request).await
}
