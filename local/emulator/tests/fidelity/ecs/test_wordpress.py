"""Services and tasks whose image is WordPress."""

import http.client
import json
import unittest

from ministack.services import cloudwatch_logs, ec2, ecs, efs

from support import ACCOUNT, REGION, ImageTestCase, database, new_database

HOST = "123456789012.tenants.example"
ALIVE = "php -r 'exit((int) !@file_get_contents(\"http://localhost/readme.html\"));'"
# A redirection to the site's own host is a good answer, too.
SERVES = """php -r '
$here = stream_context_create(["http" => ["follow_location" => 0]]);
exit((int) (false === @file_get_contents("http://localhost/wp-login.php", false, $here)));
'"""
INSTALL = """docker-ensure-installed.sh && php -r '
define( "WP_INSTALLING", true );
require "wp-load.php";
require "wp-admin/includes/upgrade.php";
wp_install( "A title", "admin", "admin@example.com", true, "", "secret" );
'"""

NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}


class WordPressTestCase(ImageTestCase):
    def setUp(self):
        super().setUp()
        self.addCleanup(ec2._subnets.pop, "subnet-1", None)
        ec2._subnets["subnet-1"] = {"SubnetId": "subnet-1"}
        self.addCleanup(efs.reset)
        self.addCleanup(cloudwatch_logs.reset)
        self.call("CreateCluster", clusterName="c")
        cloudwatch_logs._create_log_group({"logGroupName": "/ecs/tenant"})
        system = json.loads(efs._create_file_system({"CreationToken": "token"})[2])
        self.file_system = system["FileSystemId"]
        self.content = self.files / self.file_system / "wordpress/1/wp-content"

    def call(self, action, **parameters):
        status, _, body = ecs._ACTION_MAP[action](parameters)
        answer = json.loads(body)
        self.assertEqual(status, 200, answer)
        return answer

    def access_point(self, path="/wordpress/1/wp-content"):
        owner = {"OwnerUid": 33, "OwnerGid": 33, "Permissions": "0750"}
        point = {
            "FileSystemId": self.file_system,
            "PosixUser": {"Uid": 33, "Gid": 33},
            "RootDirectory": {"Path": path, "CreationInfo": owner},
        }
        return json.loads(efs._create_access_point(point)[2])["AccessPointId"]

    def register(self, image="wordpress:6-apache", mounted_at=None, point=None, environment=None, **container):
        """Registers a task definition; gives its ARN."""
        options = {"awslogs-group": "/ecs/tenant", "awslogs-region": REGION, "awslogs-stream-prefix": "ecs"}
        container = {
            "name": "wordpress",
            "image": image,
            "environment": [{"name": name, "value": value} for name, value in (environment or {}).items()],
            "logConfiguration": {"logDriver": "awslogs", "options": options},
            **container,
        }
        volumes = []
        if mounted_at:
            container["mountPoints"] = [{"sourceVolume": "files", "containerPath": mounted_at}]
            authorization = {"accessPointId": point or self.access_point(), "iam": "ENABLED"}
            config = {"transitEncryption": "ENABLED", "authorizationConfig": authorization}
            volumes = [{"name": "files", "efsVolumeConfiguration": {"fileSystemId": self.file_system, **config}}]
        definition = self.call(
            "RegisterTaskDefinition",
            family="tenant",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            executionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/execution",
            containerDefinitions=[container],
            volumes=volumes,
        )
        return definition["taskDefinition"]["taskDefinitionArn"]

    def run_task(self, definition, command=None):
        """Starts a task, and waits until it runs or has failed to."""
        override = {"name": "wordpress", **({"command": command} if command else {})}
        answer = self.call(
            "RunTask",
            cluster="c",
            taskDefinition=definition,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            overrides={"containerOverrides": [override]},
        )
        task = ecs._tasks[answer["tasks"][0]["taskArn"]]
        self.wait_for(lambda: task["lastStatus"] in ("RUNNING", "STOPPED"))
        return task

    def output_of(self, definition, command):
        """What a task writes to its log, and its exit code."""
        task = self.run_task(definition, command)
        self.wait_for(lambda: task["lastStatus"] == "STOPPED")
        return self.log_of(task), task["containers"][0].get("exitCode")

    def log_of(self, task):
        stream = f"ecs/wordpress/{task['taskArn'].rpartition('/')[2]}"
        events = cloudwatch_logs._log_groups["/ecs/tenant"]["streams"][stream]["events"]
        return [event["message"] for event in events]

    def get(self, task, path, **headers):
        """Gets a page as the load balancer would: status, Location, body. None while nobody listens."""
        connection = http.client.HTTPConnection(ecs._task_ip(task), timeout=30)
        try:
            connection.request("GET", path, headers={"Host": HOST, "X-Forwarded-Proto": "https", **headers})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Location"), answer.read().decode()
        except ConnectionError:
            return None
        finally:
            connection.close()


class Tasks(WordPressTestCase):
    def test_a_task_serves_on_port_80_of_its_own_address(self):
        tasks = [self.run_task(self.register()) for _ in range(2)]
        for task in tasks:
            self.wait_for(lambda task=task: self.get(task, "/readme.html"))
            self.assertEqual(self.get(task, "/readme.html")[0], 200)
            self.assertEqual(task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"], ecs._task_ip(task))
        self.assertNotEqual(*map(ecs._task_ip, tasks))
        self.assertTrue(any("GET /readme.html" in line for line in self.log_of(tasks[0])))

    def test_a_stopped_task_is_stopped_when_its_processes_have_ended(self):
        task = self.run_task(self.register())
        self.wait_for(lambda: self.get(task, "/readme.html"))
        answer = self.call("StopTask", cluster="c", task=task["taskArn"], reason="enough")["task"]
        self.assertEqual(answer["desiredStatus"], "STOPPED")
        self.wait_for(lambda: task["lastStatus"] == "STOPPED")
        self.assertIsNone(self.get(task, "/readme.html"))
        self.assertEqual((task["containers"][0]["exitCode"], task["stoppedReason"]), (0, "enough"))
        self.assertIn("shutting down gracefully", self.log_of(task)[-1])

    def test_a_program_that_does_not_stop_in_time_is_killed(self):
        task = self.run_task(self.register(stopTimeout=1), ["sleep", "1000"])
        self.call("StopTask", cluster="c", task=task["taskArn"])
        self.wait_for(lambda: task["lastStatus"] == "STOPPED")
        self.assertEqual(task["containers"][0]["exitCode"], 137)

    def test_a_command_runs_with_the_variables_and_the_exit_code_of_its_task(self):
        definition = self.register(environment={"WORDPRESS_DB_HOST": "db.example"})
        lines, status = self.output_of(definition, ["sh", "-c", "ls -A; echo $WORDPRESS_DB_HOST; exit 9"])
        # Such a command has no WordPress in its document root.
        self.assertEqual((lines, status), (["wp-content", "db.example"], 9))

    def test_an_entry_point_may_be_another(self):
        definition = self.register(entryPoint=["sh", "-c"], command=["echo entered"], workingDirectory="/tmp")
        self.assertEqual(self.output_of(definition, None), (["entered"], 0))


class EntryPoint(WordPressTestCase):
    def test_wordpress_is_installed_for_another_command_when_it_asks(self):
        definition = self.register(environment={"WORDPRESS_TABLE_PREFIX": "x_", "WORDPRESS_AUTH_KEY": "mine"})
        script = "docker-ensure-installed.sh 2>/dev/null; ls index.php .htaccess; stat -c %U wp-config.php index.php; "
        script += (
            "grep -c 'put your unique' wp-config.php; grep -oE '\\b[0-9a-f]{40}\\b' wp-config.php | sort -u | wc -l"
        )
        lines, _ = self.output_of(definition, ["sh", "-c", script])
        self.assertEqual(lines, [".htaccess", "index.php", "www-data", "www-data", "0", "8"])

    def test_without_variables_there_is_no_configuration(self):
        script = ["sh", "-c", "docker-ensure-installed.sh 2>/dev/null; ls wp-config.php 2>&1"]
        self.assertNotEqual(self.output_of(self.register(), script)[1], 0)

    def test_content_that_is_there_stays_as_it_is(self):
        point = self.access_point()
        definition = self.register(mounted_at="/var/www/html/wp-content", point=point)
        plugin = "wp-content/plugins/akismet"
        script = f"mkdir -p {plugin} && docker-ensure-installed.sh; ls {plugin} | wc -l"
        self.assertEqual(self.output_of(definition, ["sh", "-c", script])[0][-1], "0")
        self.assertTrue((self.content / "themes").exists())
        self.output_of(definition, ["sh", "-c", f"rm -r {plugin}; docker-ensure-installed.sh"])
        self.assertTrue((self.content / "plugins/akismet/akismet.php").exists())

    def test_a_core_that_is_there_is_not_replaced(self):
        point = self.access_point("/wordpress/1")
        definition = self.register(mounted_at="/var/www/html", point=point)
        self.output_of(definition, ["docker-ensure-installed.sh"])
        version = self.content.parent / "wp-includes/version.php"
        before = version.read_text()
        newer = self.register("wordpress:next", mounted_at="/var/www/html", point=point)
        self.output_of(newer, ["docker-ensure-installed.sh"])
        self.assertEqual(version.read_text(), before)

    def test_an_image_is_a_version(self):
        script = ["sh", "-c", "grep -h '^.wp_.*version' /usr/src/wordpress/wp-includes/version.php"]
        versions = [self.output_of(self.register(f"wordpress:{tag}"), script)[0] for tag in ("6", "6-next", "fatal")]
        self.assertNotEqual(versions[0], versions[1])
        self.assertEqual(versions[1], versions[2])
        numbers = [[int(line.rstrip("';").rpartition(".")[2].split()[-1]) for line in lines] for lines in versions]
        self.assertEqual(numbers[1], [number + 1 for number in numbers[0]])


class Volumes(WordPressTestCase):
    def test_what_a_task_writes_belongs_to_the_access_points_user(self):
        definition = self.register(mounted_at="/data")
        self.assertEqual(self.output_of(definition, ["sh", "-c", "echo hello >/data/file"]), ([], 0))
        self.assertEqual((self.content / "file").read_text(), "hello\n")
        self.assertEqual((self.content.stat().st_uid, self.content.stat().st_mode & 0o777), (33, 0o750))
        self.assertEqual((self.content / "file").stat().st_uid, 33)

    def test_a_volume_that_cannot_be_mounted_keeps_the_task_from_starting(self):
        point = self.access_point()
        definition = self.register(mounted_at="/data", point=point)
        efs._access_points.pop(point)
        task = self.run_task(definition)
        self.assertEqual(task["stopCode"], "TaskFailedToStart")
        self.assertIn("ResourceInitializationError: failed to invoke EFS utils", task["stoppedReason"])


@unittest.skipUnless(database(), "MariaDB is not installed")
class Services(WordPressTestCase):
    def setUp(self):
        super().setUp()
        self.environment = {
            "WORDPRESS_DB_HOST": new_database("site"),
            "WORDPRESS_DB_NAME": "site",
            "WORDPRESS_DB_USER": "site",
            "WORDPRESS_DB_PASSWORD": "password",
            "WORDPRESS_CONFIG_EXTRA": f"define( 'WP_HOME', 'https://{HOST}' ); define( 'WP_SITEURL', WP_HOME );",
        }
        self.point = self.access_point()

    def definition(self, image="wordpress:6", check=ALIVE, **container):
        # Scaled, each check comes at once. The start period is real, and ends with the first check that succeeds.
        check = {"command": ["CMD-SHELL", check], "interval": 30, "retries": 3, "timeout": 10, "startPeriod": 5}
        at = "/var/www/html/wp-content"
        return self.register(image, at, self.point, self.environment, healthCheck=check, **container)

    def create(self, definition):
        breaker = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
        self.call(
            "CreateService",
            cluster="c",
            serviceName="s",
            taskDefinition=definition,
            desiredCount=1,
            launchType="FARGATE",
            networkConfiguration=NETWORK,
            deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100, **breaker},
        )
        return ecs._services["c/s"]

    def running(self):
        return [task for task in ecs._tasks.values() if task["lastStatus"] == "RUNNING"]

    def complete(self, service, task_definition):
        def is_complete():
            primary = ecs._primary_deployment(service)
            return (primary["rolloutState"], primary["taskDefinition"]) == ("COMPLETED", task_definition)

        self.wait_for(is_complete)

    def test_a_site_is_installed_served_updated_and_removed(self):
        self.assertEqual(self.output_of(self.register(environment=self.environment), ["sh", "-c", INSTALL])[1], 0)
        definition = self.definition(check=SERVES)
        service = self.create(definition)
        self.complete(service, definition)
        (task,) = self.running()
        self.assertEqual((task["healthStatus"], task["containers"][0]["healthStatus"]), ("HEALTHY", "HEALTHY"))
        status, _, page = self.get(task, "/")
        self.assertEqual((status, "A title" in page), (200, True))
        self.assertEqual(self.get(task, "/wp-admin/")[1].partition("?")[0], f"https://{HOST}/wp-login.php")

        newer = self.definition("registry.example:5000/wordpress:6.9-next", SERVES)
        self.call("UpdateService", cluster="c", service="s", taskDefinition=newer)
        self.complete(service, newer)

        fatal = self.definition("wordpress:fatal", SERVES)
        self.call("UpdateService", cluster="c", service="s", taskDefinition=fatal)
        deployment = service["deployments"][0]
        self.wait_for(lambda: deployment["rolloutState"] == "FAILED", 120)
        self.complete(service, newer)
        failed = [task for task in ecs._tasks.values() if task["taskDefinitionArn"] == fatal]
        self.wait_for(lambda: {task["lastStatus"] for task in failed} == {"STOPPED"})
        self.assertEqual({task["stoppedReason"] for task in failed}, {"Task failed container health checks"})
        self.assertTrue(any("PHP Fatal error" in line for line in self.log_of(failed[0])), self.log_of(failed[0]))
        self.assertEqual(
            [task["containers"][0]["image"] for task in self.running()], ["registry.example:5000/wordpress:6.9-next"]
        )

        self.call("UpdateService", cluster="c", service="s", desiredCount=0)
        self.assertEqual(self.call("DeleteService", cluster="c", service="s")["service"]["status"], "DRAINING")
        self.wait_for(lambda: service["status"] == "INACTIVE")
        self.assertEqual({task["lastStatus"] for task in ecs._tasks.values()}, {"STOPPED"})

    def test_a_deployment_waits_for_health_and_an_unhealthy_task_is_replaced(self):
        # Healthy as soon as the file is there, whose directory all tasks see.
        definition = self.definition(check="test -e wp-content/healthy || { echo ill >/proc/1/fd/1; exit 1; }")
        service = self.create(definition)
        self.wait_for(lambda: self.running() and "ill" in self.log_of(self.running()[0]))
        (first,) = self.running()
        self.assertEqual((first["healthStatus"], service["deployments"][0]["rolloutState"]), ("UNKNOWN", "IN_PROGRESS"))
        (self.content / "healthy").touch()
        self.complete(service, definition)
        self.assertEqual(first["healthStatus"], "HEALTHY")
        (self.content / "healthy").unlink()
        self.wait_for(lambda: first["lastStatus"] == "STOPPED")
        self.assertEqual((first["healthStatus"], first["stopCode"]), ("UNHEALTHY", "ServiceSchedulerInitiated"))
        self.wait_for(lambda: self.running())
        self.assertIsNot(self.running()[0], first)
