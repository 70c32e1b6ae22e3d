//! Adds to the secret of a tenant that is moved what new tenants' tasks read.

use functions::resources::secret::complete;

functions::lambda! {
    secrets = aws_sdk_secretsmanager::Client::new;
    |settings, request| complete::complete(secrets, &settings, request).await
}
