# Makes WordPress ready to run: the image's, with the tenant's configuration. The image's entry point is the official
# one's: docker-entrypoint.sh makes wp-config.php of the WORDPRESS_* variables.
set -eu
site=/var/www/html
image=/usr/src/wordpress
tools=/usr/local/lib/tenant-management
mkdir -p "$tools"
cd "$site"

# WordPress is copied to the task's own disk at each start, so it is always the image's.
if [ -d "$image" ] && [ ! -e wp-includes/version.php ]; then
  tar --directory="$image" --create --exclude=./wp-content --exclude=./.htaccess . | tar --extract
fi

# An image that has the CA of the database server makes PHP check the server's certificate. PHP takes the CA from
# openssl.cafile only, so the file has all other CAs as well. The empty part before the colon is PHP's own directory.
ca=/etc/tenant-management/database-ca.pem
if [ -e "$ca" ] && [ "${TENANT_DATABASE_TLS:-}" = true ]; then
  all=$(php -r 'echo ini_get("openssl.cafile") ?: "/etc/ssl/certs/ca-certificates.crt";')
  mkdir -p "$tools/php"
  { cat "$all" && echo && cat "$ca"; } >"$tools/ca.pem"
  echo "openssl.cafile=$tools/ca.pem" >"$tools/php/openssl.ini"
  export PHP_INI_SCAN_DIR="${PHP_INI_SCAN_DIR:-}:$tools/php" TENANT_DATABASE_VERIFY=true
fi

# `apache2 -v` only makes the entry point write wp-config.php.
docker-entrypoint.sh apache2 -v >/dev/null

