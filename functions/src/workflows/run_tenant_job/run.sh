# Runs the job with the tenant's WordPress, as the web server's user. `prepare.sh` has gone before.
exec setpriv --reuid=www-data --regid=www-data --init-groups php -d display_errors=stderr /tmp/job.php
