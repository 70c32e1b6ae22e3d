//! Prepares the arguments of the database task.

use functions::workflows::run_database_task::prepare;

functions::lambda! {
    ec2 = network::Client::new;
    secrets = aws_sdk_secretsmanager::Client::new;
    |settings, request| prepare::prepare(network::find(ec2, &settings), secrets, &settings, request).await
}
