#!/usr/bin/env bash
# Runs buf on the contracts: style and documentation (buf.yaml), then formatting.
#
#   scripts/buf.sh            check
#   scripts/buf.sh format     rewrite the files as the check wants them
set -euo pipefail
cd "$(dirname "$0")/.."

readonly BUF_VERSION=1.75.0
readonly BUF_HOME=target/tools/buf-$BUF_VERSION

[[ -x $BUF_HOME/node_modules/.bin/buf ]] || scripts/npm-install.sh "$BUF_HOME" "@bufbuild/buf@$BUF_VERSION"
buf=$BUF_HOME/node_modules/.bin/buf

# google/ is a copy of the published files and stays as it came.
if [[ ${1:-check} == format ]]; then
  "$buf" format --exclude-path proto/google --write
else
  "$buf" lint
  "$buf" format --exclude-path proto/google --diff --exit-code
fi
