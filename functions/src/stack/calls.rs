//! Parallel calls to AWS.

use futures_util::{StreamExt, TryStreamExt, stream};
use shared::Result;

/// Maximum number of parallel calls. AWS limits the rate of calls and throttles larger bursts.
const AT_ONCE: usize = 4;

/// Makes the calls, a few at a time. The results have the order of the calls.
///
/// # Errors
/// The first error of a call. No further call is made after it.
pub(crate) async fn few_at_a_time<T>(
    calls: impl IntoIterator<Item = impl Future<Output = Result<T>>>,
) -> Result<Vec<T>> {
    stream::iter(calls).buffered(AT_ONCE).try_collect().await
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use shared::{Error, ErrorKind};

    use super::*;

    #[tokio::test]
    async fn only_a_few_calls_run_at_a_time_and_the_order_is_kept() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let calls = (0..20).map(|number| {
            let (running, most) = (&running, &most);
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::Relaxed);
                Ok(number)
            }
        });
        assert_eq!(few_at_a_time(calls).await.unwrap(), (0..20).collect::<Vec<_>>());
        assert_eq!(most.into_inner(), AT_ONCE);
    }

    #[tokio::test]
    async fn after_an_error_there_are_no_further_calls() {
        let made = AtomicUsize::new(0);
        let calls = (0..20).map(|_| {
            made.fetch_add(1, Ordering::Relaxed);
            async { Err::<(), _>(Error::new(ErrorKind::Transient, "throttled")) }
        });
        assert_eq!(few_at_a_time(calls).await.unwrap_err().kind(), ErrorKind::Transient);
        assert!(made.into_inner() <= AT_ONCE);
    }
}
