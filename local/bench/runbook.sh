#!/usr/bin/env bash
# The runbook's section 1, "create a tenant": its commands in its order, an `aws` process for each. What differs from the
# runbook could not work as it was, or would have shown a password, and says why.
#
#     runbook.sh TENANT_ID ENVIRONMENT
#
# The credentials in the environment stand for the runbook's profile; AWS_REGION, AWS_ENDPOINT_URL and DOMAIN are read too.
# Prints the tenant's URL.
set -euo pipefail

TENANT_ID=$1
ENV=$2

# What the commands say is for a person to read, and the URL for a program.
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

# One password: the runbook makes one for the user and another for the secret.
DB_PASSWORD=$(openssl rand -base64 24)

# No password on the command line, which is for everyone to see. In GRANT an underscore stands for any character.
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

# A task whose log group is missing does not start.
aws logs create-log-group \
  --log-group-name "/ecs/${ENV}-${TENANT_ID}" \
  --region "$AWS_REGION"

TASK_DEF=$(mktemp)
trap 'rm -f "$TASK_DEF"' EXIT

# With the access point mounted, and with the variables that the WordPress image reads; one JSON key of a secret takes
# the secret's whole ARN.
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

# The HTTPS listener alone: text output has both on one line, which `head` does not divide, and that of port 80 redirects.
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
# Not by the filter `group-name`, in which MiniStack takes an asterisk literally.
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

# The runbook leaves it to the person to look whether it starts.
aws ecs wait services-stable \
  --cluster "$CLUSTER" \
  --services "${ENV}-${TENANT_ID}-service" \
  --region "$AWS_REGION"

echo "https://${TENANT_ID}.${DOMAIN}" >&3
