//! What the lists do not say: the tenants' services and task definitions, a few calls at a time.

use std::collections::HashMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Service, TaskDefinition};
use shared::{Error, Result, Settings, TenantId};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::service::{self, DESCRIBED_PER_CALL};
use crate::task_definition;

/// Calls under way at once: enough to be fast, too few for ECS to throttle everybody else in the account.
const AT_ONCE: usize = 4;

/// The services of these tenants. A service that is missing or INACTIVE is left out.
///
/// # Errors
/// When ECS cannot be asked.
pub(super) async fn services(
    ecs: &Client,
    settings: &Settings,
    tenants: &[TenantId],
) -> Result<HashMap<TenantId, Service>> {
    let calls = tenants.chunks(DESCRIBED_PER_CALL).map(|batch| {
        let (ecs, settings, batch) = (ecs.clone(), settings.clone(), batch.to_vec());
        async move { service::describe_several(&ecs, &settings, &batch).await }
    });
    Ok(a_few_at_once(calls).await?.into_iter().flatten().collect())
}

/// The task definitions of these services. One that was deleted is left out.
///
/// # Errors
/// When ECS cannot be asked.
pub(super) async fn definitions<'a>(
    ecs: &Client,
    services: impl Iterator<Item = (&'a TenantId, &'a Service)>,
) -> Result<HashMap<TenantId, TaskDefinition>> {
    let calls = services.filter_map(|(tenant, service)| {
        let (ecs, tenant, arn) = (ecs.clone(), tenant.clone(), service.task_definition()?.to_owned());
        Some(async move { Ok(task_definition::read(&ecs, &arn).await?.map(|definition| (tenant, definition))) })
    });
    Ok(a_few_at_once(calls).await?.into_iter().flatten().collect())
}

/// What these calls answer, in any order. The first error ends them all.
async fn a_few_at_once<T, Call>(calls: impl Iterator<Item = Call>) -> Result<Vec<T>>
where
    T: Send + 'static,
    Call: Future<Output = Result<T>> + Send + 'static,
{
    let (mut running, mut answers) = (JoinSet::new(), Vec::new());
    for call in calls {
        if running.len() == AT_ONCE {
            answers.extend(next(&mut running).await?);
        }
        running.spawn(call.in_current_span());
    }
    while let Some(answer) = next(&mut running).await? {
        answers.push(answer);
    }
    Ok(answers)
}

async fn next<T: 'static>(running: &mut JoinSet<Result<T>>) -> Result<Option<T>> {
    match running.join_next().await {
        Some(Ok(answer)) => answer.map(Some),
        Some(Err(lost)) => Err(Error::internal("reading the tenants' details").with_source(lost)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn calls_run_side_by_side_and_never_more_than_a_few() {
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let calls = (0..10).map(|number| {
            let (running, most) = (running.clone(), most.clone());
            async move {
                most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Ordering::SeqCst);
                Ok(number)
            }
        });
        let mut answers = a_few_at_once(calls).await.unwrap();
        answers.sort_unstable();
        assert_eq!(answers, (0..10).collect::<Vec<_>>());
        assert_eq!(most.load(Ordering::SeqCst), AT_ONCE);
    }

    #[tokio::test]
    async fn the_first_error_is_the_answer() {
        let calls =
            (0..10).map(|number| async move { if number == 7 { Err(Error::internal("seven")) } else { Ok(number) } });
        assert_eq!(a_few_at_once(calls).await.unwrap_err().chain(), "seven");
    }
}
