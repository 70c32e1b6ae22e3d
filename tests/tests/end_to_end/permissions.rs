//! Each function has exactly the permissions that it needs.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_ecs::types::{AwsVpcConfiguration, NetworkConfiguration};
use serde_json::{Value, json};
use tests::events::delivered;
use tests::stack::{new_tenant_id, text};
use tests::{Stack, kinds};
use tokio::time::interval;

/// The functions of a provisioning, apart from those that create something.
const PROVISIONING: [&str; 3] = ["resolve-environment", "inventory-tenant", "check-service-deployment"];

const MANY_TENANTS_AND_OTHER_PLACES: [&str; 6] = [
    "prepare-database-task",
    "read-database-task",
    "check-deletions",
    "report-deletions",
    "start-peer-execution",
    "check-peer-execution",
];

const UPDATING: [&str; 8] = [
    "begin-update",
    "complete-secret",
    "revise-task-definition",
    "update-service",
    "update-listener-rule",
    "update-target-group",
    "prune-task-definitions",
    "end-update",
];
const RUNNING_JOBS: [&str; 2] = ["prepare-tenant-job", "read-tenant-job"];
const AUDITING: [&str; 2] = ["audit-tenants", "report-audit"];
const BY_EVENTS: [&str; 2] = ["start-provisioning", "start-deprovisioning"];
const CONCLUDING: [&str; 3] = ["start-conclusion", "read-execution", "announce-execution"];

const READING: [&str; 4] = ["list-tenants", "describe-tenant", "tail-tenant-logs", "locate-tenant"];

/// Permissions that a function needs only in some cases: the resource exists already, the deployment has failed, a job's
/// task still runs, or there are many load balancers.
const ONLY_SOMETIMES: [(&str, &str); 17] = [
    ("resolve-environment", "elasticloadbalancing:DescribeTargetGroups"),
    ("check-service-deployment", "ecs:ListTasks"),
    ("check-service-deployment", "ecs:DescribeTasks"),
    ("check-service-deployment", "logs:FilterLogEvents"),
    ("delete-service", "ecs:DescribeTasks"),
    ("delete-service", "ecs:StopTask"),
    ("create-log-group", "logs:ListTagsForResource"),
    ("create-secret", "secretsmanager:DescribeSecret"),
    ("create-site-credentials", "secretsmanager:DescribeSecret"),
    ("create-target-group", "elasticloadbalancing:DescribeTargetGroups"),
    ("create-dns-record", "route53:ListResourceRecordSets"),
    ("create-service", "ecs:DescribeServices"),
    ("create-listener-rule", "elasticloadbalancing:DescribeTags"),
    ("create-listener-rule", "elasticloadbalancing:DescribeTargetGroups"),
    ("inventory-tenant", "ecs:DescribeTaskDefinition"),
    ("inventory-tenant", "elasticloadbalancing:DescribeTags"),
    ("inventory-tenant", "logs:ListTagsForResource"),
];

#[tokio::test]
async fn a_provisioning_fails_without_any_one_permission_and_is_rolled_back() {
    let (stack, _alone) = Stack::alone_in(&["prod"]).await;
    for function in PROVISIONING.into_iter().chain(kinds::creating()) {
        for action in stack.granted(function).await {
            if ONLY_SOMETIMES.contains(&(function, &action)) {
                continue;
            }
            let tenant = new_tenant_id();
            stack.take_away(function, &action).await;
            let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
            stack.give_back(function).await;
            let (error, cause) = outcome.failed();
            assert_eq!((error.as_str(), &cause["step"]), ("AccessDenied", &json!(function)), "{action}: {cause}");
            assert!(text(&cause["message"]).contains(&action), "{action}: {cause}");
            let checks = ["resolve-environment", "inventory-tenant"].contains(&function);
            assert_eq!(cause["rolled_back"], !checks, "what was made is rolled back: {cause}");
            assert_eq!(cause["leftovers"], json!([]), "{action}: {cause}");
            assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new(), "left without {action}");
        }
    }
}

#[tokio::test]
async fn a_teardown_names_the_one_permission_that_it_lacks() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    show_the_page(stack, &tenant).await;
    for function in kinds::deleting() {
        // In reverse order: without the permission to delete a task definition, the step has still deregistered it, and
        // would not need the permission to deregister any more.
        for action in stack.granted(function).await.into_iter().rev() {
            if ONLY_SOMETIMES.contains(&(function, &action)) {
                continue;
            }
            stack.take_away(function, &action).await;
            let answer = stack.invoke(function, &json!({"tenant_id": tenant, "force_delete_secret": true})).await;
            stack.give_back(function).await;
            let (error, message) = answer.expect_err(&action);
            assert_eq!(error, "AccessDenied", "{function} without {action}: {message}");
            assert!(message.contains(&action), "{function} without {action}: {message}");
        }
    }
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn permissions_that_are_needed_only_sometimes_are_granted() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    let outcome = stack.run("provision-tenant", json!({"tenant_id": tenant})).await;
    let owner = outcome.arn.clone();
    let made = outcome.succeeded();
    let definition = made["task_definition_arn"].clone();
    let environment = stack.resolved().await;
    let listener = made["listener_arn"].clone();
    let of_tenant = |fields: Value| {
        let mut input = json!({"tenant_id": tenant, "owner": owner});
        input.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        input
    };
    let rule = |listeners: &[&Value]| {
        of_tenant(json!({"listener_arns": listeners, "target_group_arn": made["target_group_arn"]}))
    };
    let server = json!({"database_host": environment["database_host"], "database_port": environment["database_port"]});
    let service = json!({
        "task_definition_arn": definition, "target_group_arn": made["target_group_arn"], "desired_count": 1,
        "subnet_ids": environment["subnet_ids"], "security_group_id": environment["security_group_id"],
    });
    let (group, record) = ("elasticloadbalancing:DescribeTargetGroups", "route53:ListResourceRecordSets");
    for (function, action, input) in [
        ("inventory-tenant", "ecs:DescribeTaskDefinition", json!({"tenant_id": tenant})),
        ("inventory-tenant", "elasticloadbalancing:DescribeTags", json!({"tenant_id": tenant})),
        ("inventory-tenant", "logs:ListTagsForResource", json!({"tenant_id": tenant})),
        ("create-log-group", "logs:ListTagsForResource", json!({"tenant_id": tenant, "owner": owner})),
        ("create-secret", "secretsmanager:DescribeSecret", of_tenant(server)),
        ("create-site-credentials", "secretsmanager:DescribeSecret", of_tenant(json!({}))),
        ("create-target-group", group, of_tenant(json!({"vpc_id": environment["vpc_id"]}))),
        (
            "create-dns-record",
            record,
            of_tenant(json!({"load_balancer": environment["listeners"][0]["load_balancer"]})),
        ),
        ("create-service", "ecs:DescribeServices", of_tenant(service)),
        ("create-listener-rule", "elasticloadbalancing:DescribeTags", rule(&[&listener])),
        ("create-listener-rule", "elasticloadbalancing:DescribeTargetGroups", rule(&[&listener, &listener])),
    ] {
        permitted_and_needed(stack, function, action, &input, None).await;
    }
    let balancers = stack.more_load_balancers(5).await;
    permitted_and_needed(stack, "resolve-environment", group, &json!({"signup_id": "signup-1"}), None).await;
    stack.remove_load_balancers(&balancers).await;
    // The last check of a deployment, with another task definition than the service's, so that it fails.
    let other: Value = json!(text(&definition).replace(":1", ":2"));
    stack.ecs.stop_task().cluster("dev-cluster").task(a_task(stack, &tenant).await).send().await.unwrap();
    let input = json!({"tenant_id": tenant, "task_definition_arn": other, "last_check": true});
    for action in ["ecs:ListTasks", "ecs:DescribeTasks", "logs:FilterLogEvents"] {
        permitted_and_needed(stack, "check-service-deployment", action, &input, Some("DeploymentFailed")).await;
    }
}

#[tokio::test]
async fn functions_for_many_tenants_peers_and_database_tasks_have_the_permissions_that_they_need() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    let execution = |machine: &str| format!("arn:aws:states:eu-west-1:536580886816:execution:dev-{machine}:{tenant}");
    let mut deletion = crate::deprovisioning::request(&tenant);
    let peers =
        json!({"execution": execution("deprovision-tenant-everywhere"), "environment": "dev", "request": deletion});
    let started = stack.invoke("start-peer-execution", &peers).await.unwrap();
    let started = json!({"environment": "dev", "execution_arn": started["execution_arn"]});

    deletion.as_object_mut().unwrap().remove("tenant_id");
    let mut of_a_file = deletion.clone();
    deletion["tenant_ids"] = json!([tenant]);
    let list = json!({"execution": execution("deprovision-tenants"), "request": deletion});
    let checked = stack.invoke("check-deletions", &list).await.unwrap();
    let bucket = text(&checked["list"]["bucket"]);
    of_a_file["tenant_ids_file"] = json!(format!("s3://{bucket}/{}", text(&checked["list"]["key"])));
    let file = json!({"execution": execution("deprovision-tenants"), "request": of_a_file});
    of_a_file["tenant_ids_file"] = json!(format!("s3://{bucket}/missing.json"));
    let missing = json!({"execution": execution("deprovision-tenants"), "request": of_a_file});
    let report = json!({"execution": execution("deprovision-tenants"), "list": checked["list"]});
    let task = json!({"action": "drop", "tenant_id": tenant});

    for (function, action, input, error) in [
        ("prepare-database-task", "ec2:DescribeVpcs", &task, None),
        ("prepare-database-task", "ec2:DescribeSubnets", &task, None),
        ("prepare-database-task", "ec2:DescribeSecurityGroups", &task, None),
        ("prepare-database-task", "secretsmanager:GetSecretValue", &task, None),
        ("check-deletions", "s3:PutObject", &list, None),
        // This file is a list that check-deletions has written. Its entries have more than an id, so it is refused.
        ("check-deletions", "s3:GetObject", &file, Some("InvalidRequest")),
        ("check-deletions", "s3:ListBucket", &missing, Some("InvalidRequest")),
        ("report-deletions", "s3:GetObject", &report, None),
        ("report-deletions", "s3:PutObject", &report, None),
        ("start-peer-execution", "sts:AssumeRole", &peers, None),
        ("check-peer-execution", "sts:AssumeRole", &started, None),
    ] {
        permitted_and_needed(stack, function, action, input, error).await;
    }

    // read-database-task explains why a task has failed, even without permission to read the task's log.
    let ended = json!({"TaskArn": "a/b", "Containers": [{"Name": "mysql-client", "ExitCode": 1}]});
    let ended = json!({"request": task, "task": ended});
    let (_, told) = stack.invoke("read-database-task", &ended).await.unwrap_err();
    assert!(told.contains("it has no log"), "{told}");
    stack.take_away("read-database-task", "logs:GetLogEvents").await;
    let answer = stack.invoke("read-database-task", &ended).await;
    stack.give_back("read-database-task").await;
    let (_, told) = answer.unwrap_err();
    assert!(told.contains("exit status 1") && told.contains("logs:GetLogEvents"), "{told}");
}

#[tokio::test]
async fn each_function_of_a_conclusion_names_the_one_permission_that_it_lacks() {
    let (stack, _alone) = Stack::alone().await;
    let stopped = stack.start("provision-tenant", &json!({"tenant_id": new_tenant_id()})).await;
    stack.sfn.stop_execution().execution_arn(&stopped).send().await.unwrap();
    stack.ended(&stack.conclusion_of(&stopped).await).await.succeeded();
    let announcement = json!({"detail_type": "TenantProvisioningFailed", "detail": {
        "environment": "dev", "execution_arn": stopped, "status": "ABORTED", "started_at": "2026-11-25T10:16:22Z",
        "stopped_at": "2026-11-25T10:16:23Z", "duration_seconds": 1.0, "error": "ABORTED", "message": "stopped",
        "rolled_back": false, "leftovers": []
    }});
    let event = json!({"detail": {"executionArn": stopped}});
    for (function, action, input) in [
        ("start-conclusion", "states:StartExecution", &event),
        ("read-execution", "states:DescribeExecution", &json!({"execution_arn": stopped})),
        ("read-execution", "states:GetExecutionHistory", &json!({"execution_arn": stopped})),
        ("announce-execution", "events:PutEvents", &announcement),
    ] {
        permitted_and_needed(stack, function, action, input, None).await;
    }
}

#[tokio::test]
async fn functions_that_events_start_have_the_permissions_that_they_need() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    let details = [json!({"signup_id": format!("signup-{tenant}")}), crate::deprovisioning::request(&tenant)];
    for (function, detail) in BY_EVENTS.into_iter().zip(details) {
        let event = delivered(&format!("event-{tenant}"), "", &detail);
        let started = stack.invoke(function, &event).await.unwrap();
        let ended = stack.ended(&text(&started["execution_arn"])).await;
        for action in ["states:StartExecution", "states:DescribeExecution"] {
            permitted_and_needed(stack, function, action, &event, None).await;
        }
        if let Some(made) = ended.output.get("tenant_id") {
            let removal = json!({"tenant_id": made, "confirmation": made, "force_delete_secret": true});
            stack.run("teardown-tenant", removal).await.succeeded();
        }

        // Lambda needs sqs:SendMessage to send failed events to the queue, and checks it when the destination is set.
        let name = stack.named(function);
        let get = stack.lambda.get_function_event_invoke_config().function_name(&name).qualifier("$LATEST");
        let destination = get.send().await.unwrap().destination_config.unwrap();
        let put = stack.lambda.put_function_event_invoke_config().function_name(&name).qualifier("$LATEST");
        let put = put.destination_config(destination).maximum_retry_attempts(2).maximum_event_age_in_seconds(21600);
        put.clone().send().await.unwrap();
        stack.take_away(function, "sqs:SendMessage").await;
        let answer = put.send().await;
        stack.give_back(function).await;
        assert!(answer.unwrap_err().into_service_error().is_invalid_parameter_value_exception(), "{function}");
        let granted = ["sqs:SendMessage", "states:DescribeExecution", "states:StartExecution"].map(str::to_owned);
        assert_eq!(stack.granted(function).await, granted.into(), "{function}");
    }
}

#[tokio::test]
async fn each_function_that_reads_names_the_one_permission_that_it_lacks() {
    let (stack, _alone) = Stack::alone_in(&["dev", "sit", "prod"]).await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    show_the_page(stack, &tenant).await;
    stack.ecs.stop_task().cluster("dev-cluster").task(a_task(stack, &tenant).await).send().await.unwrap();
    for function in READING {
        let input = if function == "list-tenants" { json!({}) } else { json!({"tenant_id": tenant}) };
        stack.invoke(function, &input).await.unwrap();
        for action in stack.granted(function).await {
            stack.take_away(function, &action).await;
            let answer = stack.invoke(function, &input).await;
            stack.give_back(function).await;
            // locate-tenant does not fail if it cannot read an environment, but says so in its answer.
            let told = answer.map_or_else(|(error, message)| format!("{error} {message}"), |answer| answer.to_string());
            assert!(told.contains("AccessDenied") && told.contains(&action), "{function} without {action}: {told}");
        }
    }
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
}

#[tokio::test]
async fn the_machines_for_many_tenants_tasks_and_updates_need_their_permissions() {
    let (dev, _alone) = Stack::alone_in(&["dev", "sit"]).await;
    let sit = Stack::of("sit").await;
    let tenant = new_tenant_id();
    let drop = json!({"action": "drop", "tenant_id": tenant});
    let mut bulk = crate::deprovisioning::request("");
    bulk.as_object_mut().unwrap().remove("tenant_id");
    bulk["tenant_ids"] = json!([tenant]);
    let with_a_job = new_tenant_id();
    dev.run("provision-tenant", json!({"tenant_id": with_a_job})).await.succeeded();
    let job = json!({"tenant_id": with_a_job, "job": "upgrade-database"});
    let update = json!({"tenant_id": with_a_job, "force_new_deployment": true});
    for (stack, machine, action, input) in [
        (sit, "run-database-task", "ecs:RunTask", &drop),
        (sit, "run-database-task", "iam:PassRole", &drop),
        (sit, "run-database-task", "ecs:DescribeTasks", &drop),
        (sit, "run-database-task", "events:PutRule", &drop),
        (sit, "run-database-task", "events:PutTargets", &drop),
        (sit, "run-database-task", "events:DescribeRule", &drop),
        (dev, "run-tenant-job", "ecs:RunTask", &job),
        (dev, "run-tenant-job", "iam:PassRole", &job),
        (dev, "run-tenant-job", "ecs:DescribeTasks", &job),
        (dev, "run-tenant-job", "events:PutRule", &job),
        (dev, "run-tenant-job", "events:PutTargets", &job),
        (dev, "run-tenant-job", "events:DescribeRule", &job),
        (dev, "update-tenant", "states:StartExecution", &update),
        (dev, "deprovision-tenants", "s3:GetObject", &bulk),
        (dev, "deprovision-tenants", "s3:PutObject", &bulk),
        (dev, "deprovision-tenants", "states:StartExecution", &bulk),
    ] {
        stack.run(machine, input.clone()).await.succeeded();
        stack.take_away_from_machine(machine, action).await;
        let outcome = stack.run(machine, input.clone()).await;
        stack.give_back_to_machine(machine).await;
        let (_, cause) = outcome.failed();
        assert!(
            cause.to_string().contains(action.split(':').next_back().unwrap()),
            "{machine} without {action}: {cause}"
        );
    }
    dev.run(
        "teardown-tenant",
        json!({"tenant_id": with_a_job, "confirmation": with_a_job, "force_delete_secret": true}),
    )
    .await
    .succeeded();
}

#[tokio::test]
async fn an_update_names_the_one_permission_that_it_lacks() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    show_the_page(stack, &tenant).await;
    let owner = format!("arn:aws:states:eu-west-1:536580886816:execution:dev-update-tenant:{tenant}");
    let begin =
        json!({"owner": owner, "request": {"tenant_id": tenant, "suspended": true, "image": "pretend/wordpress:7"}});
    let end = json!({"owner": owner, "tenant_id": tenant});

    // In an order in which the work done without one permission does not make the next one unnecessary.
    let actions = ["states:DescribeExecution", "s3:PutObject", "s3:GetObject", "ecs:ListTasks", "ecs:DescribeServices"];
    let of_elb = ["TargetGroups", "LoadBalancers", "Tags", "Listeners", "Rules"]
        .map(|what| format!("elasticloadbalancing:Describe{what}"));
    let of_elb: Vec<_> = of_elb.iter().map(String::as_str).collect();
    let reads = [&actions[..], &["ecs:DescribeTaskDefinition"], &of_elb].concat();
    let plan = refused_without_each(stack, "begin-update", &begin, &reads).await;
    let revise = json!({"tenant_id": tenant, "owner": owner, "previous": plan["previous"], "wanted": plan["wanted"]});
    let actions = ["iam:PassRole", "ecs:TagResource", "ecs:RegisterTaskDefinition", "ecs:DescribeTaskDefinition"];
    refused_without_each(stack, "revise-task-definition", &revise, &actions).await;
    let update = json!({"tenant_id": tenant, "state": plan["wanted"]});
    let actions = ["ecs:DescribeServices", "ecs:TagResource", "ecs:UpdateService"];
    refused_without_each(stack, "update-service", &update, &actions).await;
    let turn = [&of_elb[..], &["elasticloadbalancing:ModifyRule"]].concat();
    refused_without_each(stack, "update-listener-rule", &json!({"tenant_id": tenant, "shows": "site"}), &turn).await;
    let prune = json!({"tenant_id": tenant, "owner": owner, "discard": true});
    let actions = [
        "ecs:DescribeServices",
        "ecs:ListTaskDefinitions",
        "ecs:DescribeTaskDefinition",
        "ecs:DeregisterTaskDefinition",
        "ecs:DeleteTaskDefinitions",
    ];
    refused_without_each(stack, "prune-task-definitions", &prune, &actions).await;
    refused_without_each(stack, "end-update", &end, &["s3:GetObject", "s3:DeleteObject"]).await;
    refused_without_each(stack, "end-update", &end, &["s3:ListBucket"]).await;
    // begin-update has four more permissions. It needs s3:ListBucket only if it loses a race for the lock, and here the
    // lock was free. It needs one only if the tenant is moved, and two only if a job's task still runs, see the next tests.
    for (function, count) in [
        ("begin-update", reads.len() + 4),
        ("revise-task-definition", 4),
        ("update-service", 3),
        ("update-listener-rule", turn.len()),
        ("prune-task-definitions", 5),
        ("end-update", 3),
    ] {
        assert_eq!(stack.granted(function).await.len(), count, "{function}: every permission is tested above");
    }
}

#[tokio::test]
async fn each_step_of_a_job_names_the_one_permission_that_it_lacks() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    let job = json!({"tenant_id": tenant, "job": "upgrade-database"});
    let run = |machine: &str| format!("arn:aws:states:eu-west-1:536580886816:execution:dev-{machine}:{tenant}");
    let prepare = json!({"owner": run("run-tenant-job"), "request": job});
    // In an order in which the work done without one permission does not make the next one unnecessary.
    let actions = ["s3:PutObject", "ecs:ListTasks", "ecs:DescribeServices", "ecs:ListTaskDefinitions", "iam:PassRole"];
    let last = ["ecs:TagResource", "ecs:RegisterTaskDefinition", "ecs:DescribeTaskDefinition"];
    let task = refused_without_each(stack, "prepare-tenant-job", &prepare, &[&actions[..], &last].concat()).await;
    // Another execution, of which Step Functions knows nothing any more, finds the lock taken.
    let other = json!({"owner": run("update-tenant"), "request": job});
    refused_without_each(stack, "prepare-tenant-job", &other, &["states:DescribeExecution"]).await;

    // A task of a job whose execution has ended is stopped by whoever changes the tenant next.
    let subnets =
        task["NetworkConfiguration"]["AwsvpcConfiguration"]["Subnets"].as_array().unwrap().iter().map(text).collect();
    let network = AwsVpcConfiguration::builder().set_subnets(Some(subnets)).build().unwrap();
    let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let revision = text(&task["TaskDefinition"]);
    let left = async || {
        let left = stack.ecs.run_task().cluster("dev-cluster").task_definition(&revision).group("left");
        left.network_configuration(network.clone()).send().await.unwrap();
    };
    let update = json!({"owner": run("run-tenant-job"), "request": {"tenant_id": tenant, "desired_count": 2}});
    let removal = json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true});
    for (function, input) in [("prepare-tenant-job", &prepare), ("begin-update", &update), ("delete-service", &removal)]
    {
        left().await;
        for action in ["ecs:StopTask", "ecs:DescribeTasks"] {
            stack.take_away(function, action).await;
            let answer = stack.invoke(function, input).await;
            stack.give_back(function).await;
            assert_eq!(answer.expect_err(action).0, "AccessDenied", "{function} without {action}");
        }
        // Two of them fail until it has stopped, and the last one says that it is waiting.
        let waits = |answer: &Result<Value, (String, String)>| match answer {
            Err((error, message)) => error == "Transient" && message.contains("is being stopped"),
            Ok(answer) => answer["going"].is_array(),
        };
        let mut answer = stack.invoke(function, input).await;
        assert!(waits(&answer), "{function}: {answer:?}");
        let (start, mut tick) = (Instant::now(), interval(Duration::from_millis(100)));
        while waits(&answer) && start.elapsed() < Duration::from_secs(30) {
            tick.tick().await;
            answer = stack.invoke(function, input).await;
        }
        assert!(answer.is_ok() && !waits(&answer), "{function}: {answer:?}");
    }
    // prepare-tenant-job deregisters a revision when it has made another one, and asks for other executions, and needs
    // s3:ListBucket, only if it finds a lock.
    let end = json!({"owner": run("run-tenant-job"), "tenant_id": tenant});
    stack.invoke("end-update", &end).await.unwrap();
    let granted = stack.granted("prepare-tenant-job").await;
    let sometimes = ["s3:GetObject", "s3:ListBucket", "states:DescribeExecution", "ecs:DeregisterTaskDefinition"];
    assert_eq!(granted.len(), actions.len() + last.len() + 2 + sometimes.len(), "{granted:?}");

    // read-tenant-job explains why a job has failed, even without permission to read its log.
    let ended = json!({"TaskArn": "a/b", "Containers": [{"Name": "wordpress", "ExitCode": 1}]});
    let ended = json!({"request": job, "task": ended});
    let (_, told) = stack.invoke("read-tenant-job", &ended).await.unwrap_err();
    assert!(told.contains("it has no log"), "{told}");
    stack.take_away("read-tenant-job", "logs:GetLogEvents").await;
    let answer = stack.invoke("read-tenant-job", &ended).await;
    stack.give_back("read-tenant-job").await;
    let (_, told) = answer.unwrap_err();
    assert!(told.contains("exit status 1") && told.contains("logs:GetLogEvents"), "{told}");
    stack.run("teardown-tenant", removal).await.succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_move_names_the_one_permission_that_it_lacks() {
    let (stack, _alone) = Stack::alone().await;
    let tenant = new_tenant_id();
    stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    stack.make_one_of_an_earlier_version(&tenant).await;
    let owner = format!("arn:aws:states:eu-west-1:536580886816:execution:dev-update-tenant:{tenant}");
    let begin = json!({"owner": owner, "request": {"tenant_id": tenant, "move_content": true}});
    refused_without_each(stack, "begin-update", &begin, &["elasticfilesystem:DescribeAccessPoints"]).await;
    let end = json!({"owner": owner, "tenant_id": tenant});
    stack.invoke("end-update", &end).await.unwrap();
    for (function, actions) in [
        ("complete-secret", ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]),
        (
            "update-target-group",
            ["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:ModifyTargetGroup"],
        ),
    ] {
        refused_without_each(stack, function, &json!({"tenant_id": tenant}), &actions).await;
        let all: BTreeSet<_> = actions.map(str::to_owned).into();
        assert_eq!(stack.granted(function).await, all, "{function}: every permission is tested above");
    }
    stack
        .run("teardown-tenant", json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true}))
        .await
        .succeeded();
    assert_eq!(stack.snapshot(&tenant).await, Vec::<String>::new());
}

#[tokio::test]
async fn each_step_of_an_audit_names_the_one_permission_that_it_lacks() {
    let (stack, _alone) = Stack::alone().await;
    let orphan = new_tenant_id();
    stack.claim(&orphan).await;
    let bucket = stack.variables("report-audit").await["BUCKET"].clone();
    stack.s3.delete_object().bucket(bucket).key("audit-tenants/found.json").send().await.unwrap();
    let run = |name: &str| format!("arn:aws:states:eu-west-1:536580886816:execution:dev-audit-tenants:{orphan}-{name}");
    let granted = stack.granted("audit-tenants").await;
    let all: Vec<_> = granted.iter().map(String::as_str).collect();
    let audited = refused_without_each(stack, "audit-tenants", &json!({"execution": run("first")}), &all).await;

    let report = |name: &str| json!({"execution": run(name), "audited": audited});
    refused_without_each(stack, "report-audit", &report("first"), &["s3:ListBucket"]).await;
    let granted = stack.granted("report-audit").await;
    let others: Vec<_> = granted.iter().map(String::as_str).filter(|action| *action != "s3:ListBucket").collect();
    refused_without_each(stack, "report-audit", &report("second"), &others).await;
    let removal = json!({"tenant_id": orphan, "confirmation": orphan, "force_delete_secret": true});
    stack.run("teardown-tenant", removal).await.succeeded();
}

async fn refused_without_each(stack: &Stack, function: &str, input: &Value, actions: &[&str]) -> Value {
    for action in actions {
        stack.take_away(function, action).await;
        let answer = stack.invoke(function, input).await;
        stack.give_back(function).await;
        let (error, message) = answer.expect_err(action);
        assert_eq!(error, "AccessDenied", "{function} without {action}: {message}");
        // Without s3:ListBucket, S3 answers "access denied" for a missing object, and does not name the action.
        assert!(message.contains(action) || *action == "s3:ListBucket", "{function} without {action}: {message}");
    }
    stack.invoke(function, input).await.unwrap()
}

/// Makes the tenant's rule show the suspension page. The rule then no longer forwards to the tenant's target group, so
/// functions have to search every listener for it.
async fn show_the_page(stack: &Stack, tenant: &str) {
    let page = json!({"tenant_id": tenant, "shows": "suspension-page"});
    stack.invoke("update-listener-rule", &page).await.unwrap();
}

async fn a_task(stack: &Stack, tenant: &str) -> String {
    let tasks =
        stack.ecs.list_tasks().cluster("dev-cluster").service_name(format!("dev-{tenant}-service")).send().await;
    tasks.unwrap().task_arns()[0].clone()
}

async fn permitted_and_needed(stack: &Stack, function: &str, action: &str, input: &Value, error: Option<&str>) {
    assert!(stack.granted(function).await.contains(action), "{function} has no {action}");
    let answer = stack.invoke(function, input).await;
    assert_eq!(answer.err().map(|(name, _)| name).as_deref(), error, "{function} with {action}");
    stack.take_away(function, action).await;
    let answer = stack.invoke(function, input).await;
    stack.give_back(function).await;
    assert_eq!(answer.expect_err(action).0, "AccessDenied", "{function} without {action}");
}

#[tokio::test]
async fn every_function_that_reaches_aws_is_covered_here() {
    let (stack, _together) = Stack::together().await;
    let covered =
        PROVISIONING.into_iter().chain(kinds::creating()).chain(kinds::deleting()).chain(MANY_TENANTS_AND_OTHER_PLACES);
    let covered =
        covered.chain(UPDATING).chain(READING).chain(BY_EVENTS).chain(CONCLUDING).chain(AUDITING).chain(RUNNING_JOBS);
    let covered: BTreeSet<_> = covered.map(|name| format!("dev-{name}")).collect();
    let functions =
        stack.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.unwrap();
    for function in functions {
        let name = function.function_name().unwrap().to_owned();
        let only_mounts = ["dev-create-files", "dev-delete-files"].contains(&name.as_str());
        let reaches = !stack.granted(name.trim_start_matches("dev-")).await.is_empty();
        assert_eq!(reaches, covered.contains(&name) && !only_mounts, "{name}");
    }
}
