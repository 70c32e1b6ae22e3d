# Starts the tenant's site, with the tenant's content. `prepare.sh` has gone before.
content=$site/wp-content

# What is not kept on the mount would be lost with the task, without anybody noticing.
if [ "$(stat -c %d "$content")" = "$(stat -c %d "$site")" ]; then
  echo "tenant-management: $content is not mounted" >&2
  exit 1
fi

# The access point makes every file in it the web server's, whoever writes it. A link that the site has made in place of
# one of these files would lead root elsewhere.
for kept in themes plugins index.php .htaccess.site .htaccess.new .htcopied; do
  if [ -L "$content/$kept" ]; then rm "$content/$kept"; fi
done

# Copies a piece of the image's content under another name first, so that no half-copied piece is ever used. Whoever
# copies the same piece at the same time must not be disturbed.
copy_once() {
  if ! grep --quiet --line-regexp --fixed-strings "$1" "$content/.htcopied" 2>/dev/null; then
    if [ ! -e "$content/$1" ]; then
      copy=$content/$(dirname "$1")/.copying-$(hostname)
      rm -rf "$copy"
      cp -R "$image/wp-content/$1" "$copy"
      mv -T -n "$copy" "$content/$1" || true
      rm -rf "$copy"
    fi
    # What the customer deletes does not come back.
    echo "$1" >>"$content/.htcopied"
  fi
}
# What starts have left that were cut off. None takes an hour.
find "$content" -maxdepth 2 -name '.copying-*' -mmin +60 -prune -exec rm -rf {} +
for directory in themes plugins; do
  mkdir -p "$content/$directory"
  for piece in "$image/wp-content/$directory"/*; do
    if [ -e "$piece" ]; then copy_once "$directory/$(basename "$piece")"; fi
  done
done
if [ -e "$image/wp-content/index.php" ]; then copy_once index.php; fi

# Apache reads .htaccess, and WordPress and its plugins write it. So it is kept with the content. Apache shows no
# visitor a file whose name begins with .ht.
if [ ! -e "$content/.htaccess.site" ] && [ -e "$image/.htaccess" ]; then
  cp "$image/.htaccess" "$content/.htaccess.new"
  mv "$content/.htaccess.new" "$content/.htaccess.site"
fi
touch "$content/.htaccess.site"
ln -sf wp-content/.htaccess.site .htaccess

version=$(php -r 'require "wp-includes/version.php"; echo $wp_version;')

setpriv --reuid=www-data --regid=www-data --init-groups php "$tools/install.php" "$version"

# What the load balancer asks for is a file outside of the site, so that none of the site's rules applies to it.
mkdir -p /var/lib/tenant-management /tmp/tenant-management
chown www-data:www-data /tmp/tenant-management
workers=$((4 * TENANT_REQUESTS))
cat >/etc/apache2/conf-enabled/tenant-management.conf <<CONFIGURATION
ServerLimit $workers
MaxRequestWorkers $workers
Alias /tenant-management /var/lib/tenant-management
<Directory /var/lib/tenant-management>
  AllowOverride None
  Require all granted
</Directory>
# Whatever page the load balancer asks for, the task is not healthy before its site is served. A tenant that is moved has
# a target group that asks for another page until all of its tasks are new.
<If "%{HTTP_USER_AGENT} =~ m#^ELB-HealthChecker# && ! -f '/var/lib/tenant-management/alive.txt'">
  Require all denied
</If>
CONFIGURATION

# What plugins may read has no password of the administrator. A site that was moved has none of these.
unset TENANT_ADMIN_USER TENANT_ADMIN_PASSWORD TENANT_ADMIN_EMAIL

# The container ends if the site is not served in time. ECS then starts another one, or goes back.
{ php "$tools/probe.php" "$version" || kill -TERM 1; } &
exec docker-entrypoint.sh apache2-foreground
