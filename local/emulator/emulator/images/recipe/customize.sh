#!/bin/bash
# Makes a root file system with Debian's packages into a WordPress image, laid out as the official one.
#
# mmdebstrap calls it with the root file system's directory. RECIPE is this directory.
set -euo pipefail

root=$1
installed=$root/usr/share/wordpress
core=$root/usr/src/wordpress

# WordPress itself. Debian replaces some of its files by links to other packages, so they are followed; and it adds a
# configuration of its own, which an image does not have.
mkdir -p "$core"
# Links to absolute paths lead somewhere else outside of the image.
chroot "$root" cp -aL /usr/share/wordpress/. /usr/src/wordpress/
rm -f "$core/.htaccess" "$core/wp-config.php"
test -z "$(find "$core" -type l -print -quit)"
test -s "$core/wp-includes/version.php" -a -s "$core/wp-admin/install.php"
cp "$RECIPE/htaccess" "$core/.htaccess"
cp "$RECIPE/wp-config-docker.php" "$core/wp-config-docker.php"
chroot "$root" chown -R www-data:www-data /usr/src/wordpress
find "$core" -type d -exec chmod 755 {} +
find "$core" -type f -exec chmod 644 {} +

# What only Debian's package of WordPress needs goes, MariaDB's client above all, which the official image lacks too.
wordpress=$(chroot "$root" dpkg-query --show --showformat '${Package}\n' 'wordpress*')
# shellcheck disable=SC2086  # Several packages.
chroot "$root" apt-get -qq -y purge --autoremove $wordpress >/dev/null
rm -rf "$installed" "$root/etc/wordpress" "$root/var/lib/wordpress"

# The document root: empty, but for directories at which a container may mount its content.
rm -rf "$root/var/www/html"
for directory in "$core"/wp-content/*/ "$core/wp-content/cache"; do
    mkdir -p "$root/var/www/html/wp-content/$(basename "$directory")"
done
chroot "$root" chown -R www-data:www-data /var/www/html
chmod -R 1777 "$root/var/www/html/wp-content"

install -m 755 "$RECIPE/docker-entrypoint.sh" "$RECIPE/apache2-foreground" "$root/usr/local/bin"
ln -sfT docker-entrypoint.sh "$root/usr/local/bin/docker-ensure-installed.sh"

# PHP
rm -f "$root"/etc/php/*/*/php.ini
for directory in "$root"/etc/php/*/*/conf.d; do
    install -m 644 "$RECIPE/php.ini" "$directory/90-image.ini"
done

# Apache
apache=$root/etc/apache2
install -m 644 "$RECIPE/apache-envvars" "$apache/envvars"
install -m 644 "$RECIPE/apache-ports.conf" "$apache/ports.conf"
install -m 644 "$RECIPE/apache-image.conf" "$apache/conf-available/image.conf"
find "$apache" -name '*.conf' -type f -exec sed -ri 's/(LogFormat[[:space:]]+"[^"]*)%h/\1%a/' {} +
# As in the official image, whose only access log is that of all hosts.
chroot "$root" a2enmod -q rewrite expires remoteip >/dev/null
chroot "$root" a2enconf -q image >/dev/null
ln -sfT /dev/stdout "$root/var/log/apache2/access.log"
ln -sfT /dev/stdout "$root/var/log/apache2/other_vhosts_access.log"
ln -sfT /dev/stderr "$root/var/log/apache2/error.log"

# A container has its own names and devices.
rm -f "$root/etc/hostname" "$root/etc/resolv.conf"
