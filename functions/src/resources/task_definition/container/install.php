<?php
// Installs the site, if it never was. Until then Apache does not listen, so that no visitor can reach the installer.
//
// TENANT_SITE_RECORD is a view with one row: when the site was installed, or NULL. Only a site that was never installed
// is installed. If the tables of an installed site are missing, the start fails: an empty site never takes its place.
// A tenant without a record has brought its own site.

const PATIENCE_SECONDS = 60;

function fail(string $why): never
{
    fwrite(STDERR, "tenant-management: $why\n");
    exit(1);
}

/** Connects to the database as WordPress does. */
function connect(): mysqli
{
    [$host, $port] = explode(':', getenv('WORDPRESS_DB_HOST')) + [1 => 3306];
    $flags = getenv('TENANT_DATABASE_TLS') === 'true' ? MYSQLI_CLIENT_SSL : 0;
    for ($end = time() + PATIENCE_SECONDS;; sleep(1)) {
        $database = mysqli_init();
        $database->options(MYSQLI_OPT_CONNECT_TIMEOUT, 10);
        try {
            $database->real_connect(
                $host,
                getenv('WORDPRESS_DB_USER'),
                getenv('WORDPRESS_DB_PASSWORD'),
                getenv('WORDPRESS_DB_NAME'),
                (int) $port,
                null,
                $flags
            );
            return $database;
        } catch (mysqli_sql_exception $error) {
            if (time() >= $end) {
                fail('the database cannot be used: ' . $error->getMessage());
            }
        }
    }
}

/** Makes a second task that starts at the same time wait. The lock ends with the connection. */
function lock(mysqli $database, string $record): void
{
    $locked = $database->execute_query('SELECT GET_LOCK(?, ?)', ["tenant-management.$record", PATIENCE_SECONDS]);
    if ($locked->fetch_row()[0] !== 1) {
        fail('another task is still installing the site');
    }
}

/** Makes the site, or completes one whose installation was cut off. */
function install(): void
{
    require ABSPATH . 'wp-admin/includes/upgrade.php';
    $locale = getenv('TENANT_SITE_LOCALE') ?: 'en_US';
    if ($locale !== 'en_US') {
        require ABSPATH . 'wp-admin/includes/translation-install.php';
        if (!wp_download_language_pack($locale)) {
            fwrite(STDERR, "tenant-management: there is no language pack for $locale, so the site is in English\n");
            $locale = '';
        }
    }
    [$user, $password] = [getenv('TENANT_ADMIN_USER'), getenv('TENANT_ADMIN_PASSWORD')];
    // The site cannot be reached yet, so WordPress must not try whether its links work.
    add_filter('pre_http_request', fn() => new WP_Error('not-listening'));
    $made = wp_install(getenv('TENANT_SITE_TITLE'), $user, getenv('TENANT_ADMIN_EMAIL'), true, '', $password, $locale);
    wp_set_password($password, $made['user_id']);
    $GLOBALS['wp_rewrite']->set_permalink_structure('/%year%/%monthnum%/%day%/%postname%/');
    flush_rewrite_rules(false);
}

/** No mail is sent about the new site: who asked for it is told by the result. */
function wp_new_blog_notification(): void
{
}

mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$record = getenv('TENANT_SITE_RECORD');
$database = connect();
lock($database, $record);
try {
    $row = $database->query("SELECT installed_at FROM $record")->fetch_row();
} catch (mysqli_sql_exception $error) {
    // The user may not read such a view, or there is none.
    if (in_array($error->getCode(), [1044, 1142, 1146], true)) {
        exit(0);
    }
    fail('the record of the site cannot be read: ' . $error->getMessage());
}
if (!$row) {
    fail("the record of the site, the row of $record, is missing: restore the row from a backup of the server");
}

define('WP_INSTALLING', true);
$_SERVER += ['HTTP_HOST' => parse_url(getenv('TENANT_URL'), PHP_URL_HOST), 'SERVER_PROTOCOL' => 'HTTP/1.1'];
require '/var/www/html/wp-load.php';
$was_installed = $row[0] !== null;
if ($was_installed && !is_blog_installed()) {
    fail('the tables of the site are missing, and it was installed at ' . $row[0] . ': restore a backup');
}
if (!$was_installed) {
    install();
    $database->query("UPDATE $record SET installed_at = CURRENT_TIMESTAMP");
    fwrite(STDERR, "tenant-management: the site is installed\n");
}
