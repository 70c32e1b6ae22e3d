//! Whatever a person or another system writes is accepted, or refused with a known error; it never causes a panic.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test ends by panicking")]

use std::fs;

use functions::reading;
use functions::resources::teardown::Teardown;
use functions::resources::{
    access_point, database, dns_record, files, listener_rule, log_group, secret, service, site_credentials,
    target_group, task_definition, task_role,
};
use functions::workflows::events::Event;
use functions::workflows::provision_tenant::ProvisionRequest;
use functions::workflows::provision_tenant::signup::TenantSignedUp;
use functions::workflows::{
    conclude_execution, deprovision_tenant, deprovision_tenant_everywhere, deprovision_tenants, run_database_task,
    run_tenant_job, update_tenant,
};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use shared::mysql::Credentials;
use shared::{Error, ErrorKind, TenantId};

type Reader = fn(Value) -> Result<(), Error>;

/// The parser of each function's input. Functions with the same input as another are left out.
const READERS: [(&str, Reader); 46] = [
    ("announce-execution", read::<conclude_execution::Announcement>),
    ("audit-tenants", read::<reading::audit::Audit>),
    ("begin-update", read::<update_tenant::Begin>),
    ("check-deletion-everywhere", read::<deprovision_tenant_everywhere::Request>),
    ("check-deletion-request", read::<deprovision_tenant::DeletionRequest>),
    ("check-deletions", read::<deprovision_tenants::check::Check>),
    ("check-peer-execution", read::<deprovision_tenant_everywhere::follow::Check>),
    ("check-service-deployment", read::<service::deployment::Check>),
    ("complete-secret", read::<secret::complete::Complete>),
    ("create-access-point", read::<access_point::Create>),
    ("create-database", read::<database::Create>),
    ("create-dns-record", read::<dns_record::Create>),
    ("create-files", read::<files::Create>),
    ("create-listener-rule", read::<listener_rule::Create>),
    ("create-log-group", read::<log_group::Create>),
    ("create-secret", read::<secret::Create>),
    ("create-service", read::<service::Create>),
    ("create-site-credentials", read::<site_credentials::Create>),
    ("create-target-group", read::<target_group::Create>),
    ("create-task-role", read::<task_role::Create>),
    ("delete-secret", read::<Teardown>),
    ("describe-tenant", read::<reading::describe::Request>),
    ("end-update", read::<update_tenant::End>),
    ("list-tenants", read::<reading::list::Request>),
    ("locate-tenant", read::<reading::locate::Locate>),
    ("prepare-database-task", read::<run_database_task::Request>),
    ("prepare-tenant-job", read::<run_tenant_job::prepare::Prepare>),
    ("prune-task-definitions", read::<update_tenant::prune::Prune>),
    ("purge-files", read::<files::purge::Purge>),
    ("purge-quarantine", read::<files::quarantine::Expire>),
    ("read-database-task", read::<run_database_task::outcome::Reading>),
    ("read-execution", read::<conclude_execution::Read>),
    ("read-tenant-job", read::<run_tenant_job::outcome::Reading>),
    ("register-task-definition", read::<task_definition::Register>),
    ("report-audit", read::<reading::audit::report::Request>),
    ("report-deletions", read::<deprovision_tenants::report::Request>),
    ("resolve-environment", read::<ProvisionRequest>),
    ("revise-task-definition", read::<task_definition::revision::Revise>),
    ("start-conclusion", read::<conclude_execution::StatusChange>),
    ("start-deprovisioning", read::<Event<deprovision_tenant::DeletionRequest>>),
    ("start-peer-execution", read::<deprovision_tenant_everywhere::start::Start>),
    ("start-provisioning", read::<Event<TenantSignedUp>>),
    ("tail-tenant-logs", read::<reading::logs::Request>),
    ("update-listener-rule", read::<listener_rule::suspension::Switch>),
    ("update-service", read::<service::update::Update>),
    ("update-target-group", read::<target_group::health_checks::Update>),
];

fn read<T: DeserializeOwned>(input: Value) -> Result<(), Error> {
    shared::input::parse::<T>(input).map(drop)
}

fn sample(function: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(format!("../events/{function}.json")).unwrap()).unwrap()
}

/// Any JSON, including texts that are almost valid.
fn any_json() -> impl Strategy<Value = Value> {
    const NEAR: [&str; 10] =
        ["dev", "prod", "completed", "", "0", "-1", "true", "arn:aws:states:::", "s3://", "٣٣٣٣٣٣٣٣٣٣٣٣"];
    let text = prop_oneof![any::<String>(), "[0-9]{11,13}", select(NEAR.as_slice()).prop_map(str::to_owned)];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            btree_map("[a-z_]{1,12}", inner, 0..6).prop_map(|fields| json!(fields)),
        ]
    })
}

/// The places in a value, as JSON pointers.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, inner)| places(inner, &format!("{at}/{name}"), all)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| places(inner, &format!("{at}/{index}"), all));
        }
        _ => {}
    }
}

fn reads_or_refuses(reader: Reader, input: Value) -> Result<(), TestCaseError> {
    if let Err(error) = reader(input) {
        prop_assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        prop_assert!(!error.chain().is_empty());
    }
    Ok(())
}

#[test]
fn every_sample_is_read() {
    for (function, reader) in READERS {
        if let Err(error) = reader(sample(function)) {
            panic!("{function}: {}", error.chain());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4096) })]

    #[test]
    fn any_json_is_read_or_refused((_, reader) in select(READERS.as_slice()), input in any_json()) {
        reads_or_refuses(reader, input)?;
    }

    #[test]
    fn a_sample_with_anything_in_one_place_is_read_or_refused(
        (function, reader) in select(READERS.as_slice()), place in any::<Index>(), anything in any_json(),
    ) {
        let mut input = sample(function);
        let mut all = Vec::new();
        places(&input, "", &mut all);
        let at: &String = place.get(&all);
        *input.pointer_mut(at).unwrap() = anything;
        reads_or_refuses(reader, input)?;
    }

    #[test]
    fn a_tenant_id_is_twelve_digits_and_nothing_else(text in prop_oneof![any::<String>(), r"\d{10,14}", "[0-9]{12}"]) {
        let is_id = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        prop_assert_eq!(TenantId::try_from(text).is_ok(), is_id);
    }

    #[test]
    fn the_servers_address_is_read_from_a_master_secret_in_every_form_that_people_write(
        host in "[a-z]([a-z0-9.-]{0,20}[a-z0-9])?", port in 1..=u16::MAX, more in any_json(),
    ) {
        let v6 = "[2001:db8::1]";
        for (secret, server) in [
            (json!({"host": host}), format!("{host}:3306")),
            (json!({"host": format!("{host}:{port}")}), format!("{host}:{port}")),
            (json!({"host": host, "port": port}), format!("{host}:{port}")),
            (json!({"host": host, "port": port.to_string()}), format!("{host}:{port}")),
            (json!({"host": "2001:db8::1", "port": port}), format!("{v6}:{port}")),
            (json!({"host": format!("{v6}:{port}")}), format!("{v6}:{port}")),
            (json!({"host": v6}), format!("{v6}:3306")),
        ] {
            let mut secret = secret;
            secret["username"] = json!("admin");
            secret["password"] = json!("x");
            secret["dbClusterIdentifier"] = more.clone();
            let credentials = Credentials::parse("secret", &secret.to_string()).unwrap();
            prop_assert_eq!(credentials.endpoint.to_string(), server);
        }
    }

    #[test]
    fn a_wrong_master_secret_is_refused_and_never_quoted(
        text in any::<String>(), field in select(vec!["username", "password", "host", "port"]), anything in any_json(),
    ) {
        const PASSWORD: &str = "correct horse battery staple";
        let mut secret = json!({"username": "admin", "password": PASSWORD, "host": "db", "port": 3306});
        secret[field] = anything;
        for text in [text + PASSWORD, secret.to_string()] {
            if let Err(error) = Credentials::parse("secret", &text) {
                prop_assert_eq!(error.kind(), ErrorKind::EnvironmentNotReady);
                prop_assert!(!error.chain().contains(PASSWORD));
            }
        }
    }
}
