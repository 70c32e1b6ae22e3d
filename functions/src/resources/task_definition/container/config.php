// The site is at the tenant's host, whatever the database says.
defined('WP_HOME') || define('WP_HOME', getenv('TENANT_URL'));
defined('WP_SITEURL') || define('WP_SITEURL', getenv('TENANT_URL'));

// The core is the image's. An update from inside would be lost with the task, so none is made, and none is offered.
defined('WP_AUTO_UPDATE_CORE') || define('WP_AUTO_UPDATE_CORE', false);
$GLOBALS['wp_filter']['map_meta_cap'][10]['tenant-management'] = [
    'function' => fn($needed, $capability) => $capability === 'update_core' ? ['do_not_allow'] : $needed,
    'accepted_args' => 2,
];

// A server that is reached with TLS may refuse plain connections.
if (getenv('TENANT_DATABASE_TLS') === 'true') {
    $verify = getenv('TENANT_DATABASE_VERIFY') === 'true' ? MYSQLI_CLIENT_SSL_VERIFY_SERVER_CERT : 0;
    defined('MYSQL_CLIENT_FLAGS') || define('MYSQL_CLIENT_FLAGS', MYSQLI_CLIENT_SSL | $verify);
}

// Only so many requests run WordPress at a time, and only so many wait for their turn. Apache has more workers than
// that, so that it still answers the load balancer's health check when every request waits for the database.
if (PHP_SAPI !== 'cli' && getenv('TENANT_REQUESTS')) {
    ini_set('default_socket_timeout', '10');
    ini_set('mysqlnd.net_read_timeout', '60');
    $take = function (string $what, int $places) {
        for ($place = 0; $place < $places; $place++) {
            $file = @fopen("/tmp/tenant-management/$what-$place", 'c');
            // A site that may not open the file is served without this limit.
            if (!$file || flock($file, LOCK_EX | LOCK_NB)) {
                return $file ?: true;
            }
        }
        return null;
    };
    $requests = (int) getenv('TENANT_REQUESTS');
    // PHP releases a lock with the request that holds it, however that ends.
    $GLOBALS['tenant_request'] = $take('request', $requests);
    if (!$GLOBALS['tenant_request'] && ($waiting = $take('waiting', 2 * $requests))) {
        for ($end = microtime(true) + 5; !$GLOBALS['tenant_request'] && microtime(true) < $end;) {
            usleep(50000);
            $GLOBALS['tenant_request'] = $take('request', $requests);
        }
        is_resource($waiting) && fclose($waiting);
    }
    if (!$GLOBALS['tenant_request']) {
        http_response_code(503);
        header('Retry-After: 10');
        header('Connection: close');
        exit('This site is busy. Please try again in a moment.');
    }
}
