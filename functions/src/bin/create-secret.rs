//! Claims the tenant's id by creating its secret.

use functions::resources::secret;

functions::lambda! {
    secrets = aws_sdk_secretsmanager::Client::new;
    |settings, request| secret::create(secrets, &settings, request).await
}
