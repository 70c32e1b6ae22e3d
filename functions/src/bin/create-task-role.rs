//! Creates the IAM role of the tenant's tasks.

use functions::resources::task_role;

functions::lambda! {
    iam = aws_sdk_iam::Client::new;
    |settings, request| task_role::create(iam, &settings, request).await
}
