#!/usr/bin/env bash
# Runs a command with a private PostgreSQL and a private Redis, and removes both afterwards.
#
#   scripts/backends.sh cargo test --workspace
#
# The command sees TEST_POSTGRES_URL and TEST_REDIS_URL, and REQUIRE_POSTGRES=1 and REQUIRE_REDIS=1, which turn a
# skipped store into a failed test. Data, sockets and logs live in a temporary directory; any number of runs may
# share a machine. Missing servers are installed where apt-get and the rights to use it exist.
set -euo pipefail

readonly OLDEST_POSTGRES=15
# Below the range Linux hands out to outgoing connections, so that none of them takes a port first.
readonly FIRST_PORT=20000 PORTS=12000
readonly START_ATTEMPTS=10
readonly ANSWER_SECONDS=60

directory=
postgres_bin=
command_pid=
postgres_pid=
redis_pid=
unprivileged=(env)

main() {
  if (($# == 0)); then
    echo "usage: scripts/backends.sh COMMAND [ARGUMENT…]" >&2
    exit 2
  fi
  ensure_servers
  make_directory
  trap clean_up EXIT
  trap 'stop_command; exit 129' HUP
  trap 'stop_command; exit 130' INT
  trap 'stop_command; exit 143' TERM
  initialise_postgres
  start_postgres
  start_redis
  run_command "$@"
}

ensure_servers() {
  local missing=()
  find_postgres || missing+=(postgresql)
  find_redis || missing+=(redis-server)
  ((${#missing[@]} > 0)) || return 0
  echo "installing ${missing[*]}" >&2
  if "$(dirname "$0")/apt-install.sh" "${missing[@]}" && find_postgres && find_redis; then
    return 0
  fi
  echo "the tests need PostgreSQL $OLDEST_POSTGRES or newer (initdb, postgres, pg_isready) and redis-server with redis-cli" >&2
  exit 1
}

# Sets postgres_bin to the directory of the newest server found. Debian keeps the server programs out of PATH.
find_postgres() {
  local initdb candidate major newest=0
  for initdb in $(type -ap initdb) /usr/lib/postgresql/*/bin/initdb; do
    candidate=$(dirname "$(realpath "$initdb" 2>/dev/null)")
    [[ -x $candidate/initdb && -x $candidate/postgres && -x $candidate/pg_isready ]] || continue
    major=$("$candidate/postgres" --version | sed -E 's/^[^0-9]*([0-9]+).*/\1/')
    ((major > newest)) || continue
    newest=$major
    postgres_bin=$candidate
  done
  ((newest >= OLDEST_POSTGRES))
}

find_redis() {
  command -v redis-server >/dev/null && command -v redis-cli >/dev/null
}

# PostgreSQL refuses to run as root, so root hands both servers to a user who owns nothing but the directory.
make_directory() {
  directory=$(mktemp -d "${TMPDIR:-/tmp}/chappe-backends.XXXXXX")
  ((EUID == 0)) || return 0
  local user=nobody
  ! id postgres >/dev/null 2>&1 || user=postgres
  chown "$user" "$directory"
  unprivileged=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups env HOME="$directory")
}

# Durability is off: the data does not outlive the run.
initialise_postgres() {
  "${unprivileged[@]}" "$postgres_bin/initdb" --pgdata "$directory/postgres" --username postgres \
    --auth trust --encoding UTF8 --locale C --no-sync >"$directory/initdb.log" 2>&1 || fail_with "$directory/initdb.log"
  cat >>"$directory/postgres/postgresql.conf" <<SETTINGS
listen_addresses = '127.0.0.1'
unix_socket_directories = '$directory'
max_connections = 300
fsync = off
synchronous_commit = off
full_page_writes = off
SETTINGS
}

# A start is tried on one port after the other. Only the server's own bind decides, so two runs cannot collide.
random_ports() {
  local attempt
  for ((attempt = 0; attempt < START_ATTEMPTS; attempt++)); do
    echo $((FIRST_PORT + (RANDOM * 32768 + RANDOM) % PORTS))
  done
}

start_postgres() {
  local port
  for port in $(random_ports); do
    "${unprivileged[@]}" "$postgres_bin/postgres" -D "$directory/postgres" -p "$port" >>"$directory/postgres.log" 2>&1 &
    postgres_pid=$!
    if becomes_ready "$postgres_pid" "$postgres_bin/pg_isready" --host "$directory" --port "$port"; then
      export TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres" REQUIRE_POSTGRES=1
      return
    fi
    stop_server KILL "$postgres_pid"
  done
  fail_with "$directory/postgres.log"
}

start_redis() {
  local port
  for port in $(random_ports); do
    "${unprivileged[@]}" redis-server --bind 127.0.0.1 --port "$port" --unixsocket "$directory/redis.socket" \
      --dir "$directory" --save '' --appendonly no >>"$directory/redis.log" 2>&1 &
    redis_pid=$!
    if becomes_ready "$redis_pid" redis-cli -s "$directory/redis.socket" ping; then
      export TEST_REDIS_URL="redis://127.0.0.1:$port" REQUIRE_REDIS=1
      return
    fi
    stop_server KILL "$redis_pid"
  done
  fail_with "$directory/redis.log"
}

# Asks through the socket in our directory, which both servers open after their port: a stranger who took the port
# cannot answer there.
becomes_ready() {
  local pid=$1 deadline=$((SECONDS + ANSWER_SECONDS))
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || return 1
    ((SECONDS < deadline)) || return 1
    sleep 0.05
  done
}

# Runs in a process group of its own, so that a signal to this script ends the command and all its children.
run_command() {
  local status=0
  set -m
  "$@" &
  command_pid=$!
  set +m
  wait "$command_pid" || status=$?
  command_pid=
  exit "$status"
}

# shellcheck disable=SC2317 # called by a trap
stop_command() {
  [[ -n $command_pid ]] || return 0
  kill -TERM -- "-$command_pid" 2>/dev/null || true
  wait "$command_pid" 2>/dev/null || true
}

stop_server() {
  [[ -n $2 ]] || return 0
  kill -s "$1" "$2" 2>/dev/null || true
  wait "$2" 2>/dev/null || true
}

# shellcheck disable=SC2317 # called by a trap
clean_up() {
  trap '' HUP INT TERM
  stop_server QUIT "$postgres_pid" # at once, without a checkpoint
  stop_server KILL "$redis_pid"
  rm -rf "$directory"
}

fail_with() {
  echo "a server for the tests did not start; the end of $(basename "$1"):" >&2
  tail -n 20 "$1" >&2
  exit 1
}

main "$@"
