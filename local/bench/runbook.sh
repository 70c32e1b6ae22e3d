#!/usr/bin/env bash
# The runbook's section 1, "create a tenant": its commands in the same order, with an `aws` process for each. A command
# differs from the runbook only where the runbook's could not work, or would show a password. A comment says why.
#
#     runbook.sh TENANT_ID ENVIRONMENT
#
# The credentials in the environment replace the runbook's profile. AWS_REGION, AWS_ENDPOINT_URL and DOMAIN are read as
# well. Prints the tenant's URL.
set -euo pipefail

TENANT_ID=$1
ENV=$2

# Discard the commands' output, so that only the URL is printed.
exec 3>&1 >/dev/null

# 1.2 Create database and user

MASTER_CREDS=$(aws secretsmanager get-secret-value \
  --secret-id "${ENV}-rds-master-credentials" \
  --region "$AWS_REGION" \
  --query 'SecretString' --output text)

RDS_HOST=$(echo "$MASTER_CREDS" | jq -r '.host' | cut -d: -f1)
RDS_PORT=$(echo "$MASTER_CREDS" | jq -r '.host' | cut -s -d: -f2)
RDS_PORT=${RDS_PORT:-3306}
RDS_USER=$(echo "$MASTER_CREDS" | jq -r '.username')
RDS_PASS=$(echo "$MASTER_CREDS" | jq -r '.password')

# The same password for user and secret. The runbook generates a different one for each.
DB_PASSWORD=$(openssl rand -base64 24)

# The password is not on the command line, which every user of the machine can see. The underscore in GRANT is escaped,
# because otherwise it would match any character.
MYSQL_PWD=$RDS_PASS mysql --protocol=TCP -h "$RDS_HOST" -P "$RDS_PORT" -u "$RDS_USER" <<SQL
CREATE DATABASE IF NOT EXISTS \`${TENANT_ID}_db\`;
CREATE USER IF NOT EXISTS '${TENANT_ID}_user'@'%' IDENTIFIED BY '${DB_PASSWORD}';
GRANT ALL PRIVILEGES ON \`${TENANT_ID}\\_db\`.* TO '${TENANT_ID}_user'@'%';
FLUSH PRIVILEGES;
SQL

# 1.3 Create Secrets Manager secret

SECRET_ARN=$(aws secretsmanager create-secret \
  --name "${ENV}-${TENANT_ID}-db-credentials" \
  --secret-string file:///dev/stdin \
  --region "$AWS_REGION" \
  --query 'ARN' --output text <<JSON
{"username":"${TENANT_ID}_user","password":"${DB_PASSWORD}","host":"${RDS_HOST}","port":${RDS_PORT},"database":"${TENANT_ID}_db"}
JSON
)

# 1.4 Create EFS access point

EFS_ID=$(aws efs describe-file-systems \
  --region "$AWS_REGION" \
  --query "FileSystems[?contains(Name, '${ENV}')].FileSystemId" \
  --output text | head -1)

AP_ID=$(aws efs create-access-point \
  --file-system-id "$EFS_ID" \
  --posix-user "Uid=33,Gid=33" \
  --root-directory "Path=/wordpress/${TENANT_ID},CreationInfo={OwnerUid=33,OwnerGid=33,Permissions=755}" \
  --tags "Key=Name,Value=${ENV}-${TENANT_ID}-ap" \
  --region "$AWS_REGION" \
  --query 'AccessPointId' --output text)

# 1.5 Register task definition

# The runbook has no such command, but a task does not start without its log group.
aws logs create-log-group \
  --log-group-name "/ecs/${ENV}-${TENANT_ID}" \
  --region "$AWS_REGION"

TASK_DEF=$(mktemp)
trap 'rm -f "$TASK_DEF"' EXIT

# Differs from the runbook: it mounts the access point, and sets the variables that the WordPress image reads. A
# reference to a JSON key of a secret needs the secret's whole ARN.
cat > "$TASK_DEF" <<JSON
{
  "family": "${ENV}-${TENANT_ID}",
  "networkMode": "awsvpc",
  "requiresCompatibilities": ["FARGATE"],
  "cpu": "256",
  "memory": "512",
  "executionRoleArn": "arn:aws:iam::$(aws sts get-caller-identity --query 'Account' --output text):role/${ENV}-ecs-task-execution-role",
  "taskRoleArn": "arn:aws:iam::$(aws sts get-caller-identity --query 'Account' --output text):role/${ENV}-ecs-task-role",
  "volumes": [
    {
      "name": "wordpress-files",
      "efsVolumeConfiguration": {
        "fileSystemId": "${EFS_ID}",
        "transitEncryption": "ENABLED",
        "authorizationConfig": {"accessPointId": "${AP_ID}", "iam": "ENABLED"}
      }
    }
  ],
  "containerDefinitions": [
    {
      "name": "wordpress",
      "image": "your-ecr-repo/wordpress:latest",
      "essential": true,
      "portMappings": [{"containerPort": 80, "protocol": "tcp"}],
      "mountPoints": [{"sourceVolume": "wordpress-files", "containerPath": "/var/www/html"}],
      "environment": [{"name": "WORDPRESS_DB_HOST", "value": "${RDS_HOST}:${RDS_PORT}"}],
      "secrets": [
        {"name": "WORDPRESS_DB_USER", "valueFrom": "${SECRET_ARN}:username::"},
        {"name": "WORDPRESS_DB_PASSWORD", "valueFrom": "${SECRET_ARN}:password::"},
        {"name": "WORDPRESS_DB_NAME", "valueFrom": "${SECRET_ARN}:database::"}
      ],
      "logConfiguration": {
        "logDriver": "awslogs",
        "options": {
          "awslogs-group": "/ecs/${ENV}-${TENANT_ID}",
          "awslogs-region": "${AWS_REGION}",
          "awslogs-stream-prefix": "wordpress"
        }
      }
    }
  ]
}
JSON

aws ecs register-task-definition \
  --cli-input-json "file://$TASK_DEF" \
  --region "$AWS_REGION"

# 1.6 Create ALB target group

VPC_ID=$(aws ec2 describe-vpcs \
  --filters "Name=tag:Name,Values=*${ENV}*" \
  --query 'Vpcs[0].VpcId' --output text \
  --region "$AWS_REGION")

aws elbv2 create-target-group \
  --name "${ENV}-${TENANT_ID}-tg" \
  --protocol HTTP \
  --port 80 \
  --vpc-id "$VPC_ID" \
  --target-type ip \
  --health-check-path "/wp-admin/install.php" \
  --health-check-interval-seconds 30 \
  --region "$AWS_REGION"

# 1.7 Create ALB listener rule

# Only the HTTPS listener. Text output has both listeners on one line, which `head` does not split, and the one of port
# 80 only redirects.
LISTENER_ARN=$(aws elbv2 describe-listeners \
  --load-balancer-arn "$(aws elbv2 describe-load-balancers \
    --query "LoadBalancers[?contains(LoadBalancerName, '${ENV}')].LoadBalancerArn" \
    --output text --region "$AWS_REGION")" \
  --query "Listeners[?Port==\`443\`].ListenerArn" \
  --output text --region "$AWS_REGION" | head -1)

TG_ARN=$(aws elbv2 describe-target-groups \
  --names "${ENV}-${TENANT_ID}-tg" \
  --query 'TargetGroups[0].TargetGroupArn' \
  --output text --region "$AWS_REGION")

aws elbv2 create-rule \
  --listener-arn "$LISTENER_ARN" \
  --conditions "Field=host-header,Values=${TENANT_ID}.${DOMAIN}" \
  --actions "Type=forward,TargetGroupArn=$TG_ARN" \
  --priority "$(shuf -i 1-50000 -n 1)" \
  --region "$AWS_REGION"

# 1.8 Create ECS service

CLUSTER="${ENV}-cluster"
SUBNETS=$(aws ec2 describe-subnets \
  --filters "Name=vpc-id,Values=$VPC_ID" "Name=tag:Name,Values=*private*" \
  --query 'Subnets[*].SubnetId' --output text --region "$AWS_REGION" | tr '\t' ',')
# Not with the filter `group-name`, because MiniStack does not support an asterisk in it.
SG=$(aws ec2 describe-security-groups \
  --filters "Name=vpc-id,Values=$VPC_ID" \
  --query "SecurityGroups[?contains(GroupName, 'ecs')] | [0].GroupId" --output text --region "$AWS_REGION")

aws ecs create-service \
  --cluster "$CLUSTER" \
  --service-name "${ENV}-${TENANT_ID}-service" \
  --task-definition "${ENV}-${TENANT_ID}" \
  --desired-count 1 \
  --launch-type FARGATE \
  --network-configuration "awsvpcConfiguration={subnets=[$SUBNETS],securityGroups=[$SG],assignPublicIp=DISABLED}" \
  --load-balancers "targetGroupArn=$TG_ARN,containerName=wordpress,containerPort=80" \
  --region "$AWS_REGION"

# In the runbook, a person checks whether the service becomes stable.
aws ecs wait services-stable \
  --cluster "$CLUSTER" \
  --services "${ENV}-${TENANT_ID}-service" \
  --region "$AWS_REGION"

echo "https://${TENANT_ID}.${DOMAIN}" >&3
