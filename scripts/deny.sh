#!/usr/bin/env bash
# Checks licences, banned and duplicate crates, and where crates come from (deny.toml).
#
# cargo-deny is compiled once into target/tools. An unoptimised build takes about 100 CPU seconds and checks in a
# second or two, so the real tool costs less than keeping a copy of its rules. Advisories are left out: their
# database has to be downloaded, and a new entry would fail a build that did not change.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly DENY_VERSION=0.20.2
readonly DENY_HOME=target/tools/cargo-deny-$DENY_VERSION

if [[ ! -x $DENY_HOME/bin/cargo-deny ]]; then
  CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 \
    cargo install cargo-deny --version "=$DENY_VERSION" --locked --debug --root "$DENY_HOME"
fi
"$DENY_HOME/bin/cargo-deny" --workspace --locked check --hide-inclusion-graph \
  --deny license-not-encountered --deny unmatched-skip --deny unnecessary-skip licenses bans sources
