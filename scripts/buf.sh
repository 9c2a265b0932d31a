#!/usr/bin/env bash
# Runs buf on the contracts: style and documentation (buf.yaml), then formatting.
#
#   scripts/buf.sh            check
#   scripts/buf.sh format     rewrite the files as the check wants them
set -euo pipefail
cd "$(dirname "$0")/.."

readonly BUF_VERSION=1.75.0
readonly BUF_HOME=target/tools/buf-$BUF_VERSION

# The npm package carries the program itself, so its own download step is skipped. It is put in place in one step:
# two runs at once, or one that is cut short, leave no half-installed tool.
install_buf() {
  command -v npm >/dev/null || scripts/apt-install.sh nodejs npm
  mkdir -p target/tools
  local staging
  staging=$(mktemp -d target/tools/buf.XXXXXX)
  npm install --prefix "$staging" --no-save --no-package-lock --ignore-scripts --no-audit --no-fund --silent \
    "@bufbuild/buf@$BUF_VERSION" >&2
  mv --no-target-directory "$staging" "$BUF_HOME" 2>/dev/null || rm -rf "$staging"
}

[[ -x $BUF_HOME/node_modules/.bin/buf ]] || install_buf
buf=$BUF_HOME/node_modules/.bin/buf

# google/ is a copy of the published files and stays as it came.
if [[ ${1:-check} == format ]]; then
  "$buf" format --exclude-path proto/google --write
else
  "$buf" lint
  "$buf" format --exclude-path proto/google --diff --exit-code
fi
