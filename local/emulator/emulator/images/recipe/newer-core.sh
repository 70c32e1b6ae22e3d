#!/bin/bash
# Makes the core of an image into the next patch release, with a database of the next version.
#
# It is called with a directory that is laid over the image, and with the image's.
set -euo pipefail

layer=$1/usr/src/wordpress/wp-includes
mkdir -p "$layer"
perl -pe '
    s/^(\$wp_version = .*?)(\d+)(\x27;)/$1 . ($2 + 1) . $3/e;
    s/^(\$wp_db_version = )(\d+)/$1 . ($2 + 1)/e;
' "$2/usr/src/wordpress/wp-includes/version.php" >"$layer/version.php"
chown --reference="$2/usr/src/wordpress/wp-includes/version.php" "$layer/version.php"
! cmp -s "$layer/version.php" "$2/usr/src/wordpress/wp-includes/version.php"
