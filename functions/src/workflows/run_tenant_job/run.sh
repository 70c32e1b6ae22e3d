# Runs /tmp/job.php with the tenant's WordPress, as the web server's user. WordPress is the image's, as in start.sh.
set -eu
cd /var/www/html
image=/usr/src/wordpress
if [ -d "$image" ] && [ ! -e wp-includes/version.php ]; then
  tar --directory="$image" --create --exclude=./wp-content --exclude=./.htaccess . | tar --extract
fi
# `apache2 -v` only makes the entry point write wp-config.php.
docker-entrypoint.sh apache2 -v >/dev/null
exec setpriv --reuid=www-data --regid=www-data --init-groups php -d display_errors=stderr /tmp/job.php
