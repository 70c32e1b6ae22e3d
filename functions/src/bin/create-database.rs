//! Creates the tenant's database and user.

use functions::resources::database;

functions::lambda! {
    secrets = aws_sdk_secretsmanager::Client::new;
    |settings, request| database::create(secrets, &settings, request).await
}
