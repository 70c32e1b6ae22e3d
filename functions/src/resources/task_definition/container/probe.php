<?php
// Asks this task for the login page until WordPress serves it. Then it writes the page that the health checks look for.
// It gives up after a minute, because a site that does not come up by then needs another version, not more time.

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
        fwrite(STDERR, "tenant-management: the site is served\n");
        exit(0);
    }
    if (time() >= $end) {
        fwrite(STDERR, "tenant-management: the site is not served: $path answers $status\n");
        exit(1);
    }
}
