//! Last step of an update: releases the tenant's lock.

use functions::workflows::update_tenant;

functions::lambda! {
    s3 = aws_sdk_s3::Client::new;
    |settings, request| update_tenant::end(s3, &settings, request).await
}
