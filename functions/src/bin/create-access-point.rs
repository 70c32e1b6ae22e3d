//! Creates the tenant's EFS access point.

use functions::resources::access_point;

functions::lambda! {
    efs = aws_sdk_efs::Client::new;
    |settings, request| access_point::create(efs, &settings, request).await
}
