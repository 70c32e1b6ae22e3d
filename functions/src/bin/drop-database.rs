//! Drops the tenant's database and user.

use functions::resources::database;

functions::lambda! {
    secrets = aws_sdk_secretsmanager::Client::new;
    |settings, request| database::delete(secrets, &settings, request).await
}
