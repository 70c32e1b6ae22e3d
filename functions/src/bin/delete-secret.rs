//! Deletes the tenant's secret.

use functions::resources::secret;

functions::lambda! {
    secrets = aws_sdk_secretsmanager::Client::new;
    |settings, request| secret::delete(secrets, &settings, request).await
}
