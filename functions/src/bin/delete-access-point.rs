//! Deletes the tenant's EFS access points.

use functions::resources::access_point;

functions::lambda! {
    efs = aws_sdk_efs::Client::new;
    |settings, request| access_point::delete(efs, &settings, request).await
}
