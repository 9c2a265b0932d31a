#!/usr/bin/env bash
# Installs Debian packages without starting any daemon they bring.
#
#   scripts/apt-install.sh PACKAGE…
#
# Needs apt-get, and root or sudo without a password; says so and fails where it has neither.
set -euo pipefail

if ! command -v apt-get >/dev/null; then
  echo "apt-get is not on this machine: install $* (or what they are called here) by hand" >&2
  exit 1
fi
if ((EUID != 0)); then
  if ! sudo -n true 2>/dev/null; then
    echo "only root may install packages: run 'sudo apt-get install $*' and try again" >&2
    exit 1
  fi
  exec sudo -n "$(realpath "$0")" "$@"
fi

# Two runs at once would take away each other's policy file.
exec 9>/run/lock/chappe-apt-install
flock 9

# Debian asks this script before it starts a service; 101 means no.
policy=/usr/sbin/policy-rc.d
if [[ ! -e $policy ]]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi

install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2
}

# The package lists may be missing or too old. An unreachable third-party source must not stop the others.
install_packages "$@" || { apt-get update -qq >&2 || true; install_packages "$@"; }
