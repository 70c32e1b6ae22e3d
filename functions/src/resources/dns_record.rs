//! A tenant's DNS record: the tenant's host is an alias of the load balancer that has its rule.
//!
//! Records exist only where the stack has a hosted zone; otherwise the domain's wildcard record points to the only load
//! balancer. Route 53 has no tags for records, so the owner is stored in the record's set identifier, which only this
//! AWS account can read. A set identifier requires a routing policy: weighted, with a single weight.
//!
//! CREATE fails when the name is taken, so it never replaces another owner's record. The exception is another weighted
//! record of that name, which CREATE would join. The inventory finds such a record before.

use aws_sdk_route53::Client;
use aws_sdk_route53::error::ProvideErrorMetadata;
use aws_sdk_route53::types::{Change, ChangeAction, ChangeBatch, ResourceRecordSet, RrType};
use serde::{Deserialize, Serialize};
use shared::{Error, ErrorKind, Kind, Names, Owner, Result, Settings, TenantId};

use crate::load_balancing::placement::AliasTarget;
use crate::resources::teardown::Teardown;
use crate::resources::{Found, Removal, ours};

/// The types of record that decide where a host points to.
const TYPES: [RrType; 3] = [RrType::A, RrType::Aaaa, RrType::Cname];

/// Maximum length of a set identifier. Source: the API reference of Route 53, ResourceRecordSet, `SetIdentifier`.
const LONGEST_MARK: usize = 128;

/// Input of create-dns-record.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The tenant.
    pub tenant_id: TenantId,
    /// The execution that creates it.
    pub owner: Owner,
    /// The load balancer that has the tenant's rule.
    pub load_balancer: AliasTarget,
}

/// Output of create-dns-record.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Created {
    /// Name of the record.
    pub dns_record: String,
}

/// The tenant's records; empty where the stack has no hosted zone.
///
/// # Errors
/// When a call to Route 53 fails.
pub async fn find(route53: &Client, settings: &Settings, names: &Names) -> Result<Vec<Found>> {
    let records = list_of(route53, settings, names).await?;
    Ok(records.iter().map(found).collect())
}

fn found(record: &ResourceRecordSet) -> Found {
    let identifier = format!("{} {}", record.r#type().as_str(), record.name().trim_end_matches('.'));
    Found::present(identifier, record.set_identifier().and_then(owner_of))
}

/// Like [`find`], but returns the record sets of Route 53.
///
/// # Errors
/// When a call to Route 53 fails.
pub(crate) async fn list_of(route53: &Client, settings: &Settings, names: &Names) -> Result<Vec<ResourceRecordSet>> {
    let Some(zone) = settings.optional("HOSTED_ZONE_ID") else { return Ok(Vec::new()) };
    let host = names.host(settings.required("DOMAIN")?);
    // Route 53 sorts records by name, so those of the host come first. A name has no more than a few records.
    let listed = route53.list_resource_record_sets().hosted_zone_id(zone).start_record_name(&host).max_items(20);
    let listed = listed.send().await;
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) if error.code() == Some("NoSuchHostedZone") => return Ok(Vec::new()),
        Err(error) => return Err(Error::aws(format!("reading DNS records ({host})"), error)),
    };
    let is_of_the_host =
        |record: &ResourceRecordSet| record.name().trim_end_matches('.') == host && TYPES.contains(record.r#type());
    Ok(listed.resource_record_sets.into_iter().filter(is_of_the_host).collect())
}

/// The owner as a set identifier: its ARN without the part that is the same for every execution.
///
/// # Errors
/// `InvalidRequest` when it is longer than Route 53 allows.
fn mark(owner: &Owner) -> Result<String> {
    let mark = owner.as_str().trim_start_matches("arn:").replacen(":states:", ":", 1).replacen(":execution:", ":", 1);
    if mark.len() <= LONGEST_MARK {
        return Ok(mark);
    }
    let message = format!(
        "the execution's ARN is too long for the tenant's DNS record, which bears {mark:?}, at most {LONGEST_MARK} \
         characters: start the execution under a shorter name"
    );
    Err(Error::new(ErrorKind::InvalidRequest, message))
}

/// The owner in a set identifier; `None` when this project did not write it.
fn owner_of(mark: &str) -> Option<Owner> {
    let parts: Vec<_> = mark.split(':').collect();
    let [partition, region, account, machine, name] = parts[..] else { return None };
    Owner::try_from(format!("arn:{partition}:states:{region}:{account}:execution:{machine}:{name}")).ok()
}

/// Creates the tenant's record.
///
/// # Errors
/// `ResourceConflict` when one exists and another owner made it; `EnvironmentNotReady` when the stack has no hosted
/// zone.
pub async fn create(route53: &Client, settings: &Settings, request: Create) -> Result<Created> {
    let names = settings.names(&request.tenant_id);
    let host = names.host(settings.required("DOMAIN")?);
    let doing = || format!("creating DNS record ({host})");
    let target = request.load_balancer;
    let target = aws_sdk_route53::types::AliasTarget::builder()
        .dns_name(target.dns_name)
        .hosted_zone_id(target.hosted_zone_id)
        // When a tenant is down, the load balancer answers with an error, so the alias need not change.
        .evaluate_target_health(false)
        .build();
    let record = ResourceRecordSet::builder()
        .name(&host)
        .r#type(RrType::A)
        .set_identifier(mark(&request.owner)?)
        .weight(1)
        .alias_target(target.map_err(|error| Error::internal(doing()).with_source(error))?)
        .build();
    let record = record.map_err(|error| Error::internal(doing()).with_source(error))?;
    match change(route53, settings, ChangeAction::Create, record).await? {
        Ok(()) => Ok(Created { dns_record: host }),
        // The record was made by an earlier run, or by another owner.
        Err(refusal) => match ours("DNS record", find(route53, settings, &names).await?, &request.owner)? {
            Some(_) => Ok(Created { dns_record: host }),
            None => Err(refusal),
        },
    }
}

/// Deletes the tenant's records.
///
/// # Errors
/// When Route 53 refuses a call.
pub async fn delete(route53: &Client, settings: &Settings, request: Teardown) -> Result<Removal> {
    let names = request.names(settings)?;
    let mut removal = Removal::of(Kind::DnsRecord);
    let records = list_of(route53, settings, &names).await?;
    let going = removal.keep_foreign(records.iter().map(found).collect(), request.owner.as_ref());
    for record in records.into_iter().filter(|record| going.contains(&found(record))) {
        let identifier = found(&record).identifier;
        match change(route53, settings, ChangeAction::Delete, record.clone()).await? {
            Ok(()) => removal.removed.push(identifier),
            // Another deletion was faster. This is an error only when the record still exists.
            Err(refusal) if list_of(route53, settings, &names).await?.contains(&record) => return Err(refusal),
            Err(_) => {}
        }
    }
    Ok(removal)
}

/// Makes one change. Returns Route 53's message when it rejects the change because the record is not in the expected
/// state.
///
/// # Errors
/// Any other refusal.
async fn change(
    route53: &Client,
    settings: &Settings,
    action: ChangeAction,
    record: ResourceRecordSet,
) -> Result<Result<()>> {
    let doing = format!("{} of DNS record ({})", action.as_str(), record.name());
    let change = Change::builder().action(action).resource_record_set(record).build();
    let change = change.map_err(|error| Error::internal(&doing).with_source(error))?;
    let batch = ChangeBatch::builder().changes(change).build();
    let batch = batch.map_err(|error| Error::internal(&doing).with_source(error))?;
    let zone = settings.required("HOSTED_ZONE_ID")?;
    match route53.change_resource_record_sets().hosted_zone_id(zone).change_batch(batch).send().await {
        Ok(_) => Ok(Ok(())),
        Err(error) if error.code() == Some("InvalidChangeBatch") => {
            Ok(Err(Error::new(ErrorKind::Internal, Error::aws(doing, error).chain())))
        }
        Err(error) => Err(Error::aws(doing, error)),
    }
}

#[cfg(test)]
mod tests;
