#!/bin/bash
# The entrypoint of a WordPress image. It prepares the document root, which is the working directory, and then runs the
# command that it is given.
#
# It prepares only what serves WordPress: a command that begins with `apache2` or is `php-fpm`. Any other command can call
# this script by its second name, docker-ensure-installed.sh, which always prepares.
set -euo pipefail

source=/usr/src/wordpress

prepares() {
    case "${0##*/}" in docker-ensure-installed.sh) return 0 ;; esac
    case "${1-}" in apache2* | php-fpm) return 0 ;; esac
    return 1
}

owner() {
    if [ "$(id -u)" != 0 ]; then
        echo "$(id -u):$(id -g)"
    else
        # Apache also accepts a number with a `#` before it.
        local user=${APACHE_RUN_USER:-www-data} group=${APACHE_RUN_GROUP:-www-data}
        echo "${user#\#}:${group#\#}"
    fi
}

# Copies WordPress into the document root. Themes, plugins and an .htaccess that are there already stay as they are:
# wp-content may be a mount, with versions of its own.
copy_wordpress() {
    local owner=$1 pack=() unpack=() path
    if [ "$(id -u)" = 0 ]; then
        # Docker makes the directory of a mount, and it then belongs to root.
        [ "$(stat -c %u:%g .)" != 0:0 ] || chown "$owner" .
    else
        unpack+=(--no-overwrite-dir)
    fi
    echo >&2 "WordPress not found in $PWD: copying it from $source"
    if [ -n "$(find . -mindepth 1 -maxdepth 1 ! -name wp-content -print -quit)" ]; then
        echo >&2 "WARNING: $PWD is not empty; copying anyway"
    fi
    for path in .htaccess wp-content/*/*/; do
        path=${path%/}
        if [ -e "$path" ] && [ -e "$source/$path" ]; then
            echo >&2 "WARNING: $PWD/$path exists: not copying WordPress's own"
            pack+=(--exclude "./$path")
        fi
    done
    tar --create --directory "$source" --owner "${owner%:*}" --group "${owner#*:}" "${pack[@]}" . |
        tar --extract "${unpack[@]}"
    echo >&2 "WordPress has been copied to $PWD"
}

# Makes a wp-config.php that reads the WORDPRESS_* variables whenever it is loaded. Keys and salts that no variable gives
# are drawn now, so that they last as long as this file.
configure() {
    local owner=$1 template
    for template in wp-config-docker.php "$source/wp-config-docker.php"; do
        [ -s "$template" ] || continue
        echo >&2 "No wp-config.php in $PWD, but WORDPRESS_* variables: making it from $template"
        # shellcheck disable=SC2016  # The variables are PHP's.
        php -r 'echo preg_replace_callback(
            "/put your unique phrase here/", fn() => bin2hex(random_bytes(20)), file_get_contents($argv[1])
        );' "$template" >wp-config.php
        # Some file systems refuse this.
        [ "$(id -u)" != 0 ] || chown "$owner" wp-config.php || true
        return
    done
}

if prepares "$@"; then
    owner=$(owner)
    if [ ! -e index.php ] && [ ! -e wp-includes/version.php ]; then
        copy_wordpress "$owner"
    fi
    variables=("${!WORDPRESS_@}")
    if [ ! -s wp-config.php ] && [ "${#variables[@]}" -gt 0 ]; then
        configure "$owner"
    fi
fi

exec "$@"
