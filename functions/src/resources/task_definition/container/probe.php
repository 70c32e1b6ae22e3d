<?php
// Asks this task for the login page until WordPress serves it. Then it writes the page that the health checks look for,
// and records the version of WordPress. It gives up after a minute, because a site that does not come up by then needs
// another version, not more time.

const PATIENCE_SECONDS = 60;
const ALIVE = '/var/www/html/tenant-management/alive.txt';

/** The status line with which this task answers, as the load balancer would ask; or why it does not. */
function answer(string $path): string
{
    $context = stream_context_create(['http' => [
        'header' => ['Host: ' . parse_url(getenv('TENANT_URL'), PHP_URL_HOST), 'X-Forwarded-Proto: https'],
        'ignore_errors' => true,
        'follow_location' => 0,
        'timeout' => 30,
    ]]);
    // The task's own address. In a task on Fargate it stands in /etc/hosts.
    $page = @file_get_contents('http://' . gethostbyname(gethostname()) . $path, false, $context, 0, 1);
    return $page === false ? 'no answer' : $http_response_header[0];
}

/** The status code of a status line. */
function code(string $status): int
{
    return (int) (explode(' ', $status)[1] ?? 0);
}

/** Writes the version that serves the site into the tenant's record. A site without a record is served all the same. */
function record(string $version): void
{
    mysqli_report(MYSQLI_REPORT_OFF);
    [$host, $port] = explode(':', getenv('WORDPRESS_DB_HOST')) + [1 => 3306];
    $database = mysqli_init();
    $flags = getenv('TENANT_DATABASE_TLS') === 'true' ? MYSQLI_CLIENT_SSL : 0;
    [$user, $password] = [getenv('WORDPRESS_DB_USER'), getenv('WORDPRESS_DB_PASSWORD')];
    if ($database->real_connect($host, $user, $password, null, (int) $port, null, $flags)) {
        $record = getenv('TENANT_SITE_RECORD');
        $database->execute_query("UPDATE $record SET wordpress_version = ?", [$version]);
    }
}

for ($end = time() + PATIENCE_SECONDS;; usleep(250000)) {
    $path = '/wp-login.php';
    $status = answer($path);
    // Plugins and rules that harden a site hide the login page. Then its first page has to do.
    if (in_array(code($status), [401, 403, 404, 410], true)) {
        $path = '/';
        $status = answer($path);
    }
    if (code($status) >= 200 && code($status) < 400) {
        file_put_contents(ALIVE, "alive\n");
        require '/var/www/html/wp-includes/version.php';
        fwrite(STDERR, "tenant-management: the site is served by WordPress $wp_version\n");
        record($wp_version);
        exit(0);
    }
    if (time() >= $end) {
        fwrite(STDERR, "tenant-management: the site is not served: $path answers $status\n");
        exit(1);
    }
}
