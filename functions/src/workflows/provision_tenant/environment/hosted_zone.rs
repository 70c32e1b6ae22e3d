//! The Route 53 hosted zone for tenants' records.

use aws_sdk_route53::Client;
use aws_sdk_route53::error::ProvideErrorMetadata;
use shared::{Error, Result, Settings};

/// Checks the hosted zone, if the stack has one.
///
/// # Errors
/// `EnvironmentNotReady` when there is no hosted zone with that id, or when it does not contain the tenants' domain.
pub(super) async fn check(route53: &Client, settings: &Settings) -> Result<()> {
    let Some(id) = settings.optional("HOSTED_ZONE_ID") else { return Ok(()) };
    let zone = match route53.get_hosted_zone().id(id).send().await {
        Ok(zone) => zone,
        Err(error) if matches!(error.code(), Some("NoSuchHostedZone" | "InvalidInput")) => {
            return Err(Error::not_ready(format!("stack parameter HostedZoneId: there is no hosted zone {id}")));
        }
        Err(error) => return Err(Error::aws(format!("reading hosted zone ({id})"), error)),
    };
    let name = zone.hosted_zone().map(|zone| zone.name().trim_end_matches('.')).unwrap_or_default();
    let domain = settings.required("DOMAIN")?;
    if domain == name || domain.ends_with(&format!(".{name}")) {
        return Ok(());
    }
    Err(Error::not_ready(format!(
        "stack parameter HostedZoneId: {id} is the zone of {name}, and tenants' hosts are below {domain}: name the zone that {domain} is in"
    )))
}
