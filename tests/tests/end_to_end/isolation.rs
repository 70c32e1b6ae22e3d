//! Whoever controls the program of one tenant reaches neither other tenants nor the stack: with the credentials that its
//! task has, AWS refuses everything except the tenant's own files.

use std::time::{Duration, Instant};

use aws_config::Region;
use aws_sdk_ecs::types::{
    AwsVpcConfiguration, Compatibility, ContainerDefinition, EfsAuthorizationConfig, EfsAuthorizationConfigIam,
    EfsTransitEncryption, EfsVolumeConfiguration, LaunchType, LogConfiguration, LogDriver, MountPoint,
    NetworkConfiguration, NetworkMode, Task, Volume,
};
use aws_sdk_efs::error::ProvideErrorMetadata;
use aws_sdk_efs::types::{RootDirectory, Tag as EfsTag};
use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use aws_sdk_iam::types::Tag as IamTag;
use aws_sdk_lambda::config::{Credentials, SharedCredentialsProvider};
use serde_json::{Value, json};
use tests::Stack;
use tests::stack::{functions, new_tenant_id, text};

/// The answers with which AWS refuses a call for lack of permission.
const REFUSALS: [&str; 3] = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];
/// Prints the credentials that the containers of a task get.
const PRINT_CREDENTIALS: &str = r#"curl --silent --fail "$AWS_CONTAINER_CREDENTIALS_FULL_URI""#;

/// Provisions a tenant; returns its id and the result.
async fn provisioned(stack: &Stack) -> (String, Value) {
    let tenant = new_tenant_id();
    let made = stack.run("provision-tenant", json!({"tenant_id": tenant})).await.succeeded();
    (tenant, made)
}

async fn removed(stack: &Stack, tenants: &[&str]) {
    for tenant in tenants {
        let removal = json!({"tenant_id": tenant, "confirmation": tenant, "force_delete_secret": true});
        stack.run("teardown-tenant", removal).await.succeeded();
        assert_eq!(stack.snapshot(tenant).await, Vec::<String>::new());
    }
}

/// Runs a task with the role of a tenant to its end.
async fn run_task(stack: &Stack, made: &Value, container: ContainerDefinition, volume: Option<Volume>) -> Task {
    let family = format!("attack-{}", text(&made["tenant_id"]));
    let definition = stack.ecs.register_task_definition().family(&family).cpu("256").memory("512");
    let definition = definition
        .network_mode(NetworkMode::Awsvpc)
        .requires_compatibilities(Compatibility::Fargate)
        .task_role_arn(text(&made["task_role_arn"]))
        .execution_role_arn(format!("arn:aws:iam::{}:role/dev-ecs-task-execution-role", stack.account))
        .set_volumes(volume.map(|volume| vec![volume]))
        .container_definitions(container);
    let definition = definition.send().await.unwrap().task_definition.unwrap();
    let arn = definition.task_definition_arn.unwrap();
    let environment = stack.resolved().await;
    let subnets = environment["subnet_ids"].as_array().unwrap().iter().map(text).collect();
    let network = AwsVpcConfiguration::builder().set_subnets(Some(subnets)).build().unwrap();
    let network = NetworkConfiguration::builder().awsvpc_configuration(network).build();
    let run = stack.ecs.run_task().cluster("dev-cluster").task_definition(&arn).launch_type(LaunchType::Fargate);
    let task = run.network_configuration(network).send().await.unwrap().tasks()[0].task_arn().unwrap().to_owned();
    let (start, mut tick) = (Instant::now(), tokio::time::interval(Duration::from_millis(200)));
    loop {
        tick.tick().await;
        let described = stack.ecs.describe_tasks().cluster("dev-cluster").tasks(&task).send().await.unwrap();
        let ended = described.tasks.unwrap_or_default().into_iter().find(|task| task.last_status() == Some("STOPPED"));
        if let Some(ended) = ended {
            stack.ecs.deregister_task_definition().task_definition(arn).send().await.unwrap();
            return ended;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "{task} runs");
    }
}

/// The credentials that the programs in a tenant's containers have, as a client's configuration.
async fn stolen(stack: &Stack, made: &Value) -> aws_config::SdkConfig {
    let group = format!("/ecs/dev-{}", text(&made["tenant_id"]));
    let options =
        [("awslogs-group", group.as_str()), ("awslogs-region", &stack.region), ("awslogs-stream-prefix", "attack")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let logs = LogConfiguration::builder().log_driver(LogDriver::Awslogs).set_options(Some(options)).build().unwrap();
    let command = ["sh", "-c", PRINT_CREDENTIALS].map(str::to_owned).to_vec();
    let container = ContainerDefinition::builder().name("attack").image("mysql-client:8.4").essential(true);
    let container = container.set_command(Some(command)).log_configuration(logs).build();
    let task = run_task(stack, made, container, None).await;
    assert_eq!(task.containers()[0].exit_code(), Some(0), "{task:?}");
    let id = task.task_arn().unwrap().rsplit('/').next().unwrap();
    let events =
        stack.logs.get_log_events().log_group_name(&group).log_stream_name(format!("attack/attack/{id}")).send().await;
    let printed: String = events.unwrap().events().iter().filter_map(|event| event.message()).collect();
    let printed: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(printed["RoleArn"], made["task_role_arn"]);
    let [key, secret, token] = ["AccessKeyId", "SecretAccessKey", "Token"].map(|name| text(&printed[name]));
    let credentials = Credentials::new(key, secret, Some(token), None, "stolen");
    let aws = shared::aws::from_process().into_builder();
    let aws = aws.region(Region::new(stack.region.clone()));
    aws.credentials_provider(SharedCredentialsProvider::new(credentials)).build()
}

/// Makes the calls one after the other. Gives those that were not refused, with what AWS answered.
macro_rules! allowed {
    ($($call:expr),+ $(,)?) => {{
        let mut allowed = Vec::new();
        $(
            let answer = match $call.send().await {
                Ok(_) => Some("done".to_owned()),
                Err(error) => error.code().filter(|code| !REFUSALS.contains(code)).map_or_else(
                    || error.code().is_none().then(|| format!("{error:?}")),
                    |code| Some(code.to_owned()),
                ),
            };
            allowed.extend(answer.map(|answer| format!("{}: {answer}", stringify!($call))));
        )+
        allowed
    }};
}

/// What is not refused to these credentials of one of the calls by which the program of a tenant could reach another
/// tenant or the stack. The calls are those of all services that the stack uses.
async fn reached(stack: &Stack, aws: &aws_config::SdkConfig, own: &Value, other: &Value) -> Vec<String> {
    let (own_id, other_id) = (text(&own["tenant_id"]), text(&other["tenant_id"]));
    let of_other = |name: &str| format!("dev-{other_id}-{name}");
    let field = |name: &str| text(&other[name]);
    let (file_system, group) = (field("file_system_id"), format!("/ecs/dev-{other_id}"));
    let mut all = Vec::new();

    let efs = aws_sdk_efs::Client::new(aws);
    let root = RootDirectory::builder().path(format!("/wordpress/{other_id}")).build();
    let tag = EfsTag::builder().key("tenant:id").value(&own_id).build().unwrap();
    all.extend(allowed![
        efs.describe_file_systems(),
        efs.describe_access_points(),
        efs.describe_mount_targets().file_system_id(&file_system),
        efs.create_access_point().client_token("attack").file_system_id(&file_system).root_directory(root),
        efs.delete_access_point().access_point_id(field("access_point_id")),
        efs.describe_file_system_policy().file_system_id(&file_system),
        efs.put_file_system_policy().file_system_id(&file_system).policy("{}"),
        efs.delete_file_system_policy().file_system_id(&file_system),
        efs.delete_file_system().file_system_id(&file_system),
        efs.tag_resource().resource_id(field("access_point_id")).tags(tag),
    ]);

    let secrets = aws_sdk_secretsmanager::Client::new(aws);
    all.extend(allowed![
        secrets.list_secrets(),
        secrets.get_secret_value().secret_id(field("secret_arn")),
        secrets.get_secret_value().secret_id(field("admin_secret_arn")),
        secrets.get_secret_value().secret_id("dev-rds-master-credentials"),
        // Its own as well: ECS reads it with the execution role, before the program starts.
        secrets.get_secret_value().secret_id(text(&own["secret_arn"])),
        secrets.get_secret_value().secret_id(text(&own["admin_secret_arn"])),
        secrets.describe_secret().secret_id(field("secret_arn")),
        secrets.put_secret_value().secret_id(field("secret_arn")).secret_string("{}"),
        secrets.delete_secret().secret_id(field("secret_arn")),
        secrets.create_secret().name("dev-999999999999-db-credentials").secret_string("{}"),
    ]);

    let iam = aws_sdk_iam::Client::new(aws);
    let everything = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    let (own_role, other_role) = (format!("dev-{own_id}-task"), of_other("task"));
    let tag = IamTag::builder().key("tenant:execution").value("me").build().unwrap();
    let boundary = format!("arn:aws:iam::{}:policy/dev-tenant-task-boundary", stack.account);
    all.extend(allowed![
        iam.list_roles(),
        iam.get_role().role_name(&own_role),
        iam.get_role().role_name(&other_role),
        iam.get_role_policy().role_name(&other_role).policy_name("use-files"),
        iam.put_role_policy().role_name(&own_role).policy_name("use-files").policy_document(everything),
        iam.delete_role_policy().role_name(&own_role).policy_name("use-files"),
        iam.delete_role_permissions_boundary().role_name(&own_role),
        iam.attach_role_policy().role_name(&own_role).policy_arn("arn:aws:iam::aws:policy/AdministratorAccess"),
        iam.update_assume_role_policy().role_name(&other_role).policy_document(everything),
        iam.tag_role().role_name(&other_role).tags(tag),
        iam.delete_role().role_name(&other_role),
        iam.create_role().role_name("dev-999999999999-task").assume_role_policy_document(everything),
        iam.create_policy_version().policy_arn(boundary).policy_document(everything).set_as_default(true),
        iam.get_account_summary(),
    ]);

    let ecs = aws_sdk_ecs::Client::new(aws);
    let container = ContainerDefinition::builder().name("x").image("x").build();
    all.extend(allowed![
        ecs.list_services().cluster("dev-cluster"),
        ecs.list_tasks().cluster("dev-cluster"),
        ecs.list_task_definitions(),
        ecs.describe_services().cluster("dev-cluster").services(of_other("service")),
        ecs.describe_task_definition().task_definition(format!("dev-{other_id}")),
        ecs.register_task_definition()
            .family(format!("dev-{own_id}"))
            .task_role_arn(field("task_role_arn"))
            .container_definitions(container),
        ecs.deregister_task_definition().task_definition(field("task_definition_arn")),
        ecs.run_task().cluster("dev-cluster").task_definition(format!("dev-{other_id}")),
        ecs.update_service().cluster("dev-cluster").service(of_other("service")).desired_count(0),
        ecs.delete_service().cluster("dev-cluster").service(of_other("service")).force(true),
        ecs.execute_command()
            .cluster("dev-cluster")
            .task("0123456789abcdef0123456789abcdef")
            .command("sh")
            .interactive(true),
    ]);

    let elb = aws_sdk_elasticloadbalancingv2::Client::new(aws);
    let (rule, target_group) = (field("listener_rule_arn"), field("target_group_arn"));
    let forward = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(text(&own["target_group_arn"]));
    all.extend(allowed![
        elb.describe_load_balancers(),
        elb.describe_rules().listener_arn(field("listener_arn")),
        elb.describe_target_groups(),
        elb.describe_target_health().target_group_arn(&target_group),
        elb.modify_rule().rule_arn(&rule).actions(forward.build()),
        elb.delete_rule().rule_arn(&rule),
        elb.delete_target_group().target_group_arn(&target_group),
    ]);

    let logs = aws_sdk_cloudwatchlogs::Client::new(aws);
    let own_group = format!("/ecs/dev-{own_id}");
    all.extend(allowed![
        logs.describe_log_groups(),
        logs.filter_log_events().log_group_name(&group),
        logs.get_log_events().log_group_name(&group).log_stream_name("x"),
        logs.delete_log_group().log_group_name(&group),
        // The traces of what it has done.
        logs.delete_log_group().log_group_name(&own_group),
        logs.put_retention_policy().log_group_name(&own_group).retention_in_days(1),
    ]);

    let route53 = aws_sdk_route53::Client::new(aws);
    let zone = stack.hosted_zone().await;
    let s3 = aws_sdk_s3::Client::new(aws);
    let bucket = &stack.variables("begin-update").await["BUCKET"];
    let cloudformation = aws_sdk_cloudformation::Client::new(aws);
    let events = aws_sdk_eventbridge::Client::new(aws);
    let event = PutEventsRequestEntry::builder().source("signup").detail_type("TenantCancelled").detail("{}").build();
    let sqs = aws_sdk_sqs::Client::new(aws);
    all.extend(allowed![
        route53.list_hosted_zones(),
        route53.list_resource_record_sets().hosted_zone_id(zone),
        s3.list_buckets(),
        s3.list_objects_v2().bucket(bucket),
        s3.get_object().bucket(bucket).key("update-tenant/x"),
        cloudformation.describe_stacks(),
        cloudformation.delete_stack().stack_name("dev-tenant-management"),
        events.list_rules(),
        events.put_events().entries(event),
        sqs.list_queues(),
    ]);

    let sfn = aws_sdk_sfn::Client::new(aws);
    all.extend(allowed![sfn.list_state_machines()]);
    for machine in ["provision-tenant", "teardown-tenant", "deprovision-tenant", "update-tenant", "run-tenant-job"] {
        let arn = format!("arn:aws:states:{}:{}:stateMachine:dev-{machine}", stack.region, stack.account);
        all.extend(allowed![
            sfn.describe_state_machine().state_machine_arn(&arn),
            sfn.list_executions().state_machine_arn(&arn),
            sfn.start_execution().state_machine_arn(&arn).input(json!({"tenant_id": other_id}).to_string()),
        ]);
    }
    let lambda = aws_sdk_lambda::Client::new(aws);
    all.extend(allowed![lambda.list_functions()]);
    for function in functions() {
        let found = allowed![
            lambda.invoke().function_name(format!("dev-{function}")),
            lambda.get_function_configuration().function_name(format!("dev-{function}")),
        ];
        all.extend(found.into_iter().map(|found| format!("{function}: {found}")));
    }
    all
}

#[tokio::test]
async fn with_the_credentials_of_its_task_a_tenants_program_reaches_no_other_tenant_and_not_the_stack() {
    let (stack, _together) = Stack::together().await;
    let ((own_id, own), (other_id, other)) = tokio::join!(provisioned(stack), provisioned(stack));
    let before = stack.snapshot(&other_id).await;
    let aws = stolen(stack, &own).await;
    assert_eq!(reached(stack, &aws, &own, &other).await, [""; 0]);

    // Not even if somebody allows the role everything: the permissions boundary stays.
    let everything = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}"#;
    let role = format!("dev-{own_id}-task");
    let mistake = stack.iam.put_role_policy().role_name(&role).policy_name("mistake").policy_document(everything);
    mistake.send().await.unwrap();
    assert_eq!(reached(stack, &aws, &own, &other).await, [""; 0]);
    assert_eq!(stack.snapshot(&other_id).await, before);

    // A role with something that this project did not make is not deleted, and the error says so.
    let input = json!({"tenant_id": own_id});
    let (error, message) = stack.invoke("delete-task-role", &input).await.unwrap_err();
    assert_eq!(error, "ResourceConflict", "{message}");
    assert!(message.contains(&role), "{message}");
    stack.iam.delete_role_policy().role_name(&role).policy_name("mistake").send().await.unwrap();
    removed(stack, &[&own_id, &other_id]).await;
}

/// A volume on the file system of a tenant's files, through an access point if one is named, with the task's role or
/// without any.
fn volume(made: &Value, access_point: Option<&Value>, with: EfsAuthorizationConfigIam) -> Volume {
    let authorization = EfsAuthorizationConfig::builder().iam(with);
    let authorization = authorization.set_access_point_id(access_point.map(text)).build();
    let configuration = EfsVolumeConfiguration::builder()
        .file_system_id(text(&made["file_system_id"]))
        .transit_encryption(EfsTransitEncryption::Enabled)
        .authorization_config(authorization);
    Volume::builder().name("files").efs_volume_configuration(configuration.build().unwrap()).build()
}

#[tokio::test]
async fn a_tenants_task_mounts_its_own_files_and_no_others() {
    let (stack, _together) = Stack::together().await;
    let ((own_id, own), (other_id, other)) = tokio::join!(provisioned(stack), provisioned(stack));
    let mount = async |access_point: Option<&Value>, with: &EfsAuthorizationConfigIam| {
        let point = MountPoint::builder().source_volume("files").container_path("/data").build();
        let container = ContainerDefinition::builder().name("attack").image("pretend/attack:1").essential(true);
        run_task(stack, &own, container.mount_points(point).build(), Some(volume(&own, access_point, with.clone())))
            .await
    };
    let (role, nobody) = (EfsAuthorizationConfigIam::Enabled, EfsAuthorizationConfigIam::Disabled);
    let allowed = mount(Some(&own["access_point_id"]), &role).await;
    assert_eq!(allowed.stop_code().map(|code| code.as_str()), Some("EssentialContainerExited"), "{allowed:?}");
    // EFS does not know who a task is that mounts without its role: the file system's policy refuses it.
    let (its, others) = (Some(&own["access_point_id"]), Some(&other["access_point_id"]));
    for (access_point, with) in [(others, &role), (None, &role), (its, &nobody), (others, &nobody), (None, &nobody)] {
        let refused = mount(access_point, with).await;
        let reason = refused.stopped_reason().unwrap_or_default();
        assert!(reason.contains("access denied by server"), "{access_point:?}, {with:?}: {refused:?}");
    }
    removed(stack, &[&own_id, &other_id]).await;
}

#[tokio::test]
async fn where_tenants_share_a_role_none_gets_its_own() {
    let (stack, _together) = Stack::together_in(&["sit"]).await;
    let (tenant, made) = provisioned(stack).await;
    assert_eq!(made["task_role_arn"], Value::Null, "{made}");
    let definition = stack.ecs.describe_task_definition().task_definition(text(&made["task_definition_arn"]));
    let definition = definition.send().await.unwrap().task_definition.unwrap();
    let shared = format!("arn:aws:iam::{}:role/sit-ecs-task-role", stack.account);
    assert_eq!(definition.task_role_arn(), Some(shared.as_str()));
    let own = stack.iam.get_role().role_name(format!("sit-{tenant}-task")).send().await.unwrap_err();
    assert_eq!(own.code(), Some("NoSuchEntity"));
    let told = stack.invoke("describe-tenant", &json!({"tenant_id": tenant})).await.unwrap();
    assert_eq!((&told["lacks"], &told["task_role"]), (&json!([]), &Value::Null), "{told}");
    removed(stack, &[&tenant]).await;
}
