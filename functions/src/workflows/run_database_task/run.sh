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
# Runs the statements of its input. The password is in MYSQL_PWD, because command lines are visible.
client() {
  mysql --no-defaults --batch --skip-column-names --connect-timeout=10 --protocol=TCP \
    --host="$DATABASE_HOST" --port="$DATABASE_PORT" "$@"
}
# Replaces a placeholder in the statements, by the shell itself for the same reason.
fill() {
  while case $statements in *"$1"*) true ;; *) false ;; esac; do
    statements=${statements%%"$1"*}$2${statements#*"$1"}
  done
}
export MYSQL_PWD="$DATABASE_PASSWORD"
statements=$STATEMENTS
if [ -n "$TENANT_SECRET" ]; then
  secret=$(aws secretsmanager get-secret-value --secret-id "$TENANT_SECRET" --query SecretString --output text)
  password=$(printf %s "$secret" | sed -n 's/.*"password" *: *"\([A-Za-z0-9]*\)".*/\1/p')
  if [ -z "$password" ]; then
    echo "secret $TENANT_SECRET has no password of letters and digits: it was changed by hand"
    exit 1
  fi
  fill @PASSWORD@ "$password"
  # Where a server has partial revokes, it does not understand an escape in a GRANT, and needs none.
  partial=$(echo "SHOW VARIABLES LIKE 'partial_revokes'" | client "$@" --user="$DATABASE_USER")
  case $partial in
    *ON) fill @ESCAPE@ '' ;;
    *) fill @ESCAPE@ '\' ;;
  esac
fi
status=0
rows=$(printf '%s\n' "$statements" | client "$@" --user="$DATABASE_USER") || status=$?
outcome=$(printf '%s\n' "$rows" | tail -n 1)
echo "$outcome"
case $outcome in
  created*)
    # What the site's user can do is known only when it has done it.
    export MYSQL_PWD="$password"
    printf '%s\n' "$TENANT_STATEMENTS" | client "$@" --user="$TENANT_USER" || exit 7
    ;;
  removed*) ;;
  absent*) exit 3 ;;
  foreign*) exit 4 ;;
  locked*) exit 5 ;;
  left*) exit 6 ;;
  *) exit $((status > 0 ? status : 1)) ;;
esac
