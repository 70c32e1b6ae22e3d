#!/bin/bash
# Makes a core whose pages end in a fatal error, as soon as WordPress has loaded its plugins.
#
# Static files are served, and the installer, which loads no plugins, still works.
# It is called with a directory that is laid over the image, and with the image's.
set -euo pipefail

file=usr/src/wordpress/wp-includes/pluggable.php
mkdir -p "$(dirname "$1/$file")"
cp -p "$2/$file" "$1/$file"
cat >>"$1/$file" <<'PHP'

if ( ! wp_installing() ) {
	a_function_that_this_release_forgot();
}
PHP
