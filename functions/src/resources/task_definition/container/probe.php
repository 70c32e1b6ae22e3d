<?php
// Asks this task for the login page until WordPress serves it. Then it writes the file that the health checks look for,
// and records the version of WordPress, which is the argument. It gives up after a minute, because a site that does not
// come up by then needs another version, not more time.

const PATIENCE_SECONDS = 60;
const ALIVE = '/var/lib/tenant-management/alive.txt';

/** The lines of the head with which this task answers, as the load balancer would ask; none if it does not answer. */
function answer(string $path): array
{
    $context = stream_context_create(['http' => [
        'header' => ['Host: ' . parse_url(getenv('TENANT_URL'), PHP_URL_HOST), 'X-Forwarded-Proto: https'],
        'ignore_errors' => true,
        'follow_location' => 0,
        'timeout' => 30,
    ]]);
    // The task's own address stands in /etc/hosts, on Fargate as well.
    $address = gethostbyname(gethostname());
    $address = filter_var($address, FILTER_VALIDATE_IP) ?: '127.0.0.1';
    $page = @fopen("http://$address$path", 'r', false, $context);
    return $page ? stream_get_meta_data($page)['wrapper_data'] : [];
}

/** The status code of an answer; 0 if there was none. */
function status(array $head): int
{
    return (int) (explode(' ', $head[0] ?? '')[1] ?? 0);
}

/** Whether an answer leads to WordPress's installer, as it does when there is no site. */
function leads_to_the_installer(array $head): bool
{
    return (bool) preg_grep('#^location:.*/wp-admin/install\.php#i', $head);
}

/** Writes the version that serves the site into the tenant's record. A site without a record is served all the same. */
function record(string $version): void
{
    mysqli_report(MYSQLI_REPORT_OFF);
    [$host, $port] = explode(':', getenv('WORDPRESS_DB_HOST')) + [1 => 3306];
    $database = mysqli_init();
    $flags = getenv('TENANT_DATABASE_TLS') === 'true' ? MYSQLI_CLIENT_SSL : 0;
    $flags |= getenv('TENANT_DATABASE_VERIFY') === 'true' ? MYSQLI_CLIENT_SSL_VERIFY_SERVER_CERT : 0;
    [$user, $password] = [getenv('WORDPRESS_DB_USER'), getenv('WORDPRESS_DB_PASSWORD')];
    if ($database->real_connect($host, $user, $password, null, (int) $port, null, $flags)) {
        $record = getenv('TENANT_SITE_RECORD');
        $database->execute_query("UPDATE $record SET wordpress_version = ?", [$version]);
    }
}

$said = '';
for ($end = time() + PATIENCE_SECONDS;; usleep(250000)) {
    $path = '/wp-login.php';
    $head = answer($path);
    $is_served = status($head) >= 200 && status($head) < 400;
    // Plugins and rules that harden a site hide its login page, or ask every visitor for a password. Then it has to do
    // that its first page ends in no error.
    if (in_array(status($head), [401, 403, 404, 410], true)) {
        $path = '/';
        $head = answer($path);
        $is_served = status($head) >= 200 && status($head) < 500;
    }
    if ($is_served && !leads_to_the_installer($head)) {
        file_put_contents(ALIVE, "alive\n");
        fwrite(STDERR, "tenant-management: the site is served by WordPress $argv[1]\n");
        record($argv[1]);
        exit(0);
    }
    $answer = leads_to_the_installer($head) ? 'leads to the installer' : 'answers ' . ($head[0] ?? 'nothing');
    if (time() >= $end) {
        fwrite(STDERR, "tenant-management: the site is not served: $path $answer\n");
        exit(1);
    }
    // Apache needs a moment before it answers at all.
    if ($head && $said !== $answer) {
        fwrite(STDERR, "tenant-management: the site is not served yet: $path $answer\n");
        $said = $answer;
    }
}
