<?php
// Installs the site, if it never was. Until then Apache does not listen, so that no visitor can reach the installer.
//
// The argument is the version of WordPress. TENANT_SITE_RECORD is a view with one row: when the site was installed, or
// NULL, and which version changed its tables last. Only a site that was never installed is installed, and only into a
// wp-content that has nothing of an earlier tenant. If the tables of an installed site are missing, the start fails: an
// empty site never takes its place. It also fails if the tables are newer than WordPress, unless TENANT_ALLOW_DOWNGRADE
// is true. A tenant without a record has brought its own site. Nothing of an installed site is loaded here.

const PATIENCE_SECONDS = 60;
const CONTENT = '/var/www/html/wp-content';
const IMAGE = '/usr/src/wordpress/wp-content';
// What a start makes in it, also one that is cut off: WordPress unpacks languages in `upgrade`.
const OURS = '#^(\.{1,2}|themes|plugins|languages|upgrade|index\.php|\.ht(copied|access\.(site|new))|\.copying-.*)$#';

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

/** Connects to the database as WordPress does. */
function connect(): mysqli
{
    [$host, $port] = explode(':', getenv('WORDPRESS_DB_HOST')) + [1 => 3306];
    $flags = getenv('TENANT_DATABASE_TLS') === 'true' ? MYSQLI_CLIENT_SSL : 0;
    $flags |= getenv('TENANT_DATABASE_VERIFY') === 'true' ? MYSQLI_CLIENT_SSL_VERIFY_SERVER_CERT : 0;
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

/**
 * The time of the installation, or null, and the version of the tables, or null; false and null if there is no record.
 * The row stays locked until the transaction ends, so that a second task that starts at the same time waits.
 */
function read_record(mysqli $database, string $record): array
{
    try {
        $database->begin_transaction();
        $row = $database->query("SELECT installed_at, database_version FROM $record FOR UPDATE")->fetch_row();
    } catch (mysqli_sql_exception $error) {
        // The user may not read such a view, or there is none.
        if (in_array($error->getCode(), [1044, 1142, 1146], true)) {
            return [false, null];
        }
        fail('the record of the site cannot be read: ' . $error->getMessage());
    }
    return $row ?: fail("the record of the site, the row of $record, is missing: restore it");
}

/** Whether the database has a site. WordPress decides in the same way, see its function is_blog_installed. */
function has_site(mysqli $database): bool
{
    $options = (getenv('WORDPRESS_TABLE_PREFIX') ?: 'wp_') . 'options';
    try {
        return (bool) $database->query("SELECT 1 FROM `$options` WHERE option_name = 'siteurl'")->fetch_row();
    } catch (mysqli_sql_exception $error) {
        return $error->getCode() === 1146 ? false : fail('the site cannot be read: ' . $error->getMessage());
    }
}

/** The version of the tables, as WordPress numbers them. */
function version_of_tables(mysqli $database): int
{
    $options = (getenv('WORDPRESS_TABLE_PREFIX') ?: 'wp_') . 'options';
    $row = $database->query("SELECT option_value FROM `$options` WHERE option_name = 'db_version'")->fetch_row();
    return (int) ($row[0] ?? 0);
}

/** Files in wp-content that no start of a new site has put there. */
function foreign_files(): array
{
    $foreign = preg_grep(OURS, scandir(CONTENT), PREG_GREP_INVERT);
    foreach (['themes', 'plugins'] as $directory) {
        $pieces = array_diff(scandir(CONTENT . "/$directory"), @scandir(IMAGE . "/$directory") ?: [], ['.', '..']);
        foreach (preg_grep('#^\.copying-#', $pieces, PREG_GREP_INVERT) as $piece) {
            $foreign[] = "$directory/$piece";
        }
    }
    return array_values($foreign);
}

/** Makes the site, or completes one whose installation was cut off. */
function install(): void
{
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

/** From now on, an error of the database ends the script. WordPress turns that off. */
function be_strict(): void
{
    mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
}

be_strict();
$record = getenv('TENANT_SITE_RECORD');
$database = connect();
[$installed_at, $tables] = read_record($database, $record);
if ($installed_at !== null && !has_site($database)) {
    $known = $installed_at ? "it was installed at $installed_at" : 'nothing says that it was never installed';
    fail("the tables of the site are missing, and $known: restore a backup");
}
if ($installed_at === false && getenv('TENANT_ALLOW_DOWNGRADE') !== 'true') {
    // Nothing says which WordPress has changed the tables, so their own number decides.
    require '/var/www/html/wp-includes/version.php';
    if (version_of_tables($database) > $wp_db_version) {
        fail("WordPress $argv[1] is older than the database of the site: take a newer image, or allow_downgrade");
    }
}
if ($tables && version_compare($argv[1], $tables, '<') && getenv('TENANT_ALLOW_DOWNGRADE') !== 'true') {
    fail("WordPress $argv[1] is older than $tables, which changed the tables last: restore a backup, or allow_downgrade");
}
if ($installed_at === null) {
    $foreign = foreign_files();
    if ($foreign && has_site($database)) {
        fail("the record of the site, the row of $record, says that it was never installed, but there is a site: mend it");
    }
    if ($foreign) {
        fail('wp-content has files of an earlier tenant (' . reset($foreign) . '): purge them, or take another id');
    }
    if (!getenv('TENANT_ADMIN_PASSWORD')) {
        fail('the site was never installed, and its administrator is not known: provision it as a new tenant');
    }
    // An earlier tenant's languages are programs, too. What a start that was cut off has left is fetched again.
    foreach (['languages', 'upgrade'] as $directory) {
        exec('rm -rf ' . escapeshellarg(CONTENT . "/$directory"));
    }
    define('WP_INSTALLING', true);
    $_SERVER += ['HTTP_HOST' => parse_url(getenv('TENANT_URL'), PHP_URL_HOST), 'SERVER_PROTOCOL' => 'HTTP/1.1'];
    require '/var/www/html/wp-load.php';
    require ABSPATH . 'wp-admin/includes/upgrade.php';
    install();
    be_strict();
    $database->execute_query(
        "UPDATE $record SET installed_at = CURRENT_TIMESTAMP, database_version = ?",
        [$GLOBALS['wp_version']]
    );
    fwrite(STDERR, "tenant-management: the site is installed\n");
}
$database->commit();
$done = true;
