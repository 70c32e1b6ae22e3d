# Runs $STATEMENTS on the database server, and ends with what their last row says.
set -eu
if [ -n "${DATABASE_CA_BUNDLE:-}" ]; then
  case $(mysql --version) in
    *MariaDB*) tls="--ssl --ssl-verify-server-cert" ;;
    *) tls="--ssl-mode=VERIFY_IDENTITY" ;;
  esac
  tls="$tls --ssl-ca=$DATABASE_CA_BUNDLE"
elif [ "$DATABASE_ALLOW_PLAINTEXT" = true ]; then
  tls=
else
  echo "DATABASE_CA_BUNDLE is not set, and the database is not contacted in plain text"
  exit 78
fi
password=
if [ -n "$TENANT_SECRET" ]; then
  secret=$(aws secretsmanager get-secret-value --secret-id "$TENANT_SECRET" --query SecretString --output text)
  password=$(printf %s "$secret" | sed -n 's/.*"password" *: *"\([A-Za-z0-9]*\)".*/\1/p')
  if [ -z "$password" ]; then
    echo "secret $TENANT_SECRET has no password of letters and digits: it was changed by hand"
    exit 1
  fi
fi
# Not on a command line, which is for everyone to see; printf is the shell's own.
export MYSQL_PWD="$DATABASE_PASSWORD"
outcome=$({ printf "SET @password = '%s';\n" "$password"; printf '%s\n' "$STATEMENTS"; } |
  mysql --no-defaults --batch --skip-column-names --connect-timeout=10 --protocol=TCP $tls \
    --host="$DATABASE_HOST" --port="$DATABASE_PORT" --user="$DATABASE_USER")
echo "$outcome"
case $outcome in
  created* | removed*) ;;
  absent*) exit 3 ;;
  foreign*) exit 4 ;;
  locked*) exit 5 ;;
  left*) exit 6 ;;
  *) exit 1 ;;
esac
