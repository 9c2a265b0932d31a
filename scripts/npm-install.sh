#!/usr/bin/env bash
# Installs a program that an npm package carries, and node where it is missing.
#
#   scripts/npm-install.sh DIRECTORY PACKAGE@VERSION
#
# The package's own download step is skipped. The directory is put in place in one step: two runs at once, or one that is
# cut short, leave no half-installed tool.
set -euo pipefail

directory=$1 package=$2
command -v npm >/dev/null || "$(dirname "$0")/apt-install.sh" nodejs npm
mkdir -p "$(dirname "$directory")"
staging=$(mktemp -d "$directory.XXXXXX")
npm install --prefix "$staging" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --silent "$package" >&2
mv --no-target-directory "$staging" "$directory" 2>/dev/null || rm -rf "$staging"
