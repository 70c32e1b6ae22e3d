<?php
// Brings the tables of WordPress to the version of this image, as /wp-admin/upgrade.php does when its administrator asks
// for it. The last line of the log says from which version to which. TENANT_SITE_RECORD then says that this version has
// changed the tables, so that no older one is started with them.

// Whatever ends this script early, WordPress's own error page included, is a failure.
$done = false;
register_shutdown_function(function () use (&$done) {
    if (!$done) {
        exit(1);
    }
});

function fail(string $why): never
{
    fwrite(STDERR, "tenant-management: $why\n");
    exit(1);
}

define('WP_INSTALLING', true);
$_SERVER += ['HTTP_HOST' => parse_url(getenv('TENANT_URL') ?: 'http://localhost', PHP_URL_HOST)];
$_SERVER += ['SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET', 'REMOTE_ADDR' => '127.0.0.1'];
require '/var/www/html/wp-load.php';
require ABSPATH . 'wp-admin/includes/upgrade.php';

if (!is_blog_installed()) {
    fail('the tables of the site are missing: restore a backup');
}
$record = getenv('TENANT_SITE_RECORD');
$wpdb->suppress_errors();
$from = $record ? $wpdb->get_var("SELECT database_version FROM $record") : null;
// Step Functions and ECS may start a job twice. The lock ends with the connection.
if ($wpdb->get_var($wpdb->prepare('SELECT GET_LOCK(%s, 0)', DB_NAME . '.upgrade')) !== '1') {
    fail('another task upgrades this database: look at its log');
}
$is_older = (int) __get_option('db_version') < $wp_db_version;
if ($is_older) {
    wp_upgrade();
    wp_cache_flush();
    if ((int) __get_option('db_version') !== $wp_db_version) {
        fail('WordPress did not upgrade its tables: ' . ($wpdb->last_error ?: 'it gave no reason'));
    }
}
// The record of a site that has none is not missed.
$record && $wpdb->query($wpdb->prepare("UPDATE $record SET database_version = %s", $wp_version));
echo 'tenant-management: ' . json_encode(['from' => $from, 'to' => $wp_version, 'upgraded' => $is_older]) . "\n";
$done = true;
