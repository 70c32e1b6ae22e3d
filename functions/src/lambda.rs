//! The `main` of every Lambda function.

/// Makes a binary a Lambda function that answers each request with the value of the expression. Each client is made
/// when a request first needs it.
///
/// ```ignore
/// functions::lambda! {
///     efs = aws_sdk_efs::Client::new;
///     |settings, request| access_point::create(efs, &settings, request).await
/// }
/// ```
///
/// `@run_at_length;` before the clients makes it a function for people alone, whose answer may be longer than what Step
/// Functions takes.
#[macro_export]
macro_rules! lambda {
    (@$run:ident; $($client:ident = $new:path;)* |$settings:tt, $request:ident| $answer:expr) => {
        #[tokio::main(flavor = "current_thread")]
        async fn main() -> Result<(), lambda_runtime::Error> {
            $(let $client = &std::sync::LazyLock::new(|| $new(shared::aws::config()));)*
            shared::lambda::$run(|$settings: shared::Settings, $request| async move { $answer }).await
        }
    };
    ($($rest:tt)*) => {
        $crate::lambda! { @run; $($rest)* }
    };
}
