# Runs $STATEMENTS on the database server. Their last row sets the exit status.
set -eu
case $(mysql --version) in
  *MariaDB*) verify=--ssl-verify-server-cert encrypt=--ssl trust=--skip-ssl-verify-server-cert ;;
  *) verify=--ssl-mode=VERIFY_IDENTITY encrypt=--ssl-mode=VERIFY_IDENTITY trust=--ssl-mode=PREFERRED ;;
esac
if [ -n "${DATABASE_CA_BUNDLE:-}" ]; then
  set -- "$encrypt" "$verify" --ssl-ca="$DATABASE_CA_BUNDLE"
elif [ "$DATABASE_ALLOW_PLAINTEXT" = true ]; then
  set -- "$trust"
else
  echo "DATABASE_CA_BUNDLE is not set, and the database is not contacted in plain text"
  exit 78
fi
statements=$STATEMENTS
if [ -n "$TENANT_SECRET" ]; then
  secret=$(aws secretsmanager get-secret-value --secret-id "$TENANT_SECRET" --query SecretString --output text)
  password=$(printf %s "$secret" | sed -n 's/.*"password" *: *"\([A-Za-z0-9]*\)".*/\1/p')
  if [ -z "$password" ]; then
    echo "secret $TENANT_SECRET has no password of letters and digits: it was changed by hand"
    exit 1
  fi
  # By the shell itself, because command lines are visible.
  while case $statements in *@PASSWORD@*) true ;; *) false ;; esac; do
    statements=${statements%%@PASSWORD@*}$password${statements#*@PASSWORD@}
  done
fi
export MYSQL_PWD="$DATABASE_PASSWORD"
status=0
rows=$(printf '%s\n' "$statements" |
  mysql --no-defaults --batch --skip-column-names --connect-timeout=10 --protocol=TCP "$@" \
    --host="$DATABASE_HOST" --port="$DATABASE_PORT" --user="$DATABASE_USER") || status=$?
outcome=$(printf '%s\n' "$rows" | tail -n 1)
echo "$outcome"
case $outcome in
  created* | removed*) ;;
  absent*) exit 3 ;;
  foreign*) exit 4 ;;
  locked*) exit 5 ;;
  left*) exit 6 ;;
  *) exit $((status > 0 ? status : 1)) ;;
esac
