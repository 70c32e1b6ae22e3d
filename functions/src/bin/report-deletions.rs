//! Reports how the deprovisioning of many tenants ended.

use functions::workflows::deprovision_tenants::report;

functions::lambda! {
    s3 = aws_sdk_s3::Client::new;
    |settings, request| report::report(s3, &settings, request).await
}
