//! Step 1 of a bulk deprovisioning: checks the request, and writes the list of tenants.

use functions::workflows::deprovision_tenants::check;

functions::lambda! {
    s3 = aws_sdk_s3::Client::new;
    |settings, request| check::check(s3, &settings, request).await
}
