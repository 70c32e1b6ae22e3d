//! Creates the credentials of the site's administrator.

use functions::resources::site_credentials;

functions::lambda! {
    secrets = aws_sdk_secretsmanager::Client::new;
    |settings, request| site_credentials::create(secrets, &settings, request).await
}
