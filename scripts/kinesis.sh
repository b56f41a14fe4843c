#!/usr/bin/env bash
# Runs the Kinesis API of npm's kinesalite (loopback only) in the foreground, with faults that it does not have by itself.
#
#   scripts/kinesis.sh --data DIR [--port N] [--until-stdin-closes] [--faults JSON]
#
# Prints `ready 127.0.0.1:PORT`. SIGTERM (or SIGINT) stops server and script.
#   DIR/pid    the server's process id: `kill -9 "$(cat DIR/pid)"` is a crash; the script then ends with status 1
#   DIR/faults what goes wrong (see kinesis.js), JSON; --faults writes it, and whoever writes it anew changes it from the next call on
#   DIR/calls  a line of JSON for each call of PutRecords: what was asked for, and which entries were refused
#   DIR/log    what the server said
# A DIR used before starts again with its data and on its port. Needs Node and, for the first time, npm.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
data='' port='' guard='' faults='' version=3.3.3

while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --faults) faults=$2; shift 2 ;;
    --until-stdin-closes) guard=yes; shift ;;
    *) echo "kinesis.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
[ -n "$data" ] || { echo "kinesis.sh: --data DIR is missing" >&2; exit 2; }
mkdir -p "$data"
data=$(cd "$data" && pwd)

parts=${KOLK_PARTS:-$root/target/parts}
packages=$parts/kinesalite-$version
mkdir -p "$parts"
if [ ! -e "$packages/complete" ]; then
  exec 9> "$packages.lock"
  flock --timeout 600 9 || { echo "kinesis.sh: another fetch holds $packages.lock" >&2; exit 1; }
  if [ ! -e "$packages/complete" ]; then
    command -v npm > /dev/null || { echo "kinesis.sh: npm is needed to fetch kinesalite" >&2; exit 1; }
    rm -rf "$packages"
    npm install --prefix "$packages" --no-audit --no-fund --silent "kinesalite@$version" >&2
    touch "$packages/complete"
  fi
  exec 9>&-
fi

[ -z "$faults" ] || echo "$faults" > "$data/faults"
if [ -z "$port" ]; then port=$(cat "$data/port" 2> /dev/null || echo 0); fi
server=''
stop() {
  trap '' TERM INT
  if [ -n "$server" ]; then kill "$server" 2> /dev/null || true; wait "$server" || true; fi
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

rm -f "$data/ready"
NODE_PATH=$packages/node_modules setpriv --pdeathsig KILL node "$root/scripts/kinesis.js" "$data" "$port" \
  >> "$data/log" 2>&1 < /dev/null &
server=$!
echo "$server" > "$data/pid"
for _ in $(seq 2400); do
  if [ -s "$data/ready" ]; then
    port=$(cat "$data/ready")
    echo "$port" > "$data/port"
    echo "ready 127.0.0.1:$port"
    wait "$server" || true
    echo "kinesis.sh: the server ended, see $data/log" >&2
    exit 1
  fi
  kill -0 "$server" 2> /dev/null || { tail -n 20 "$data/log" >&2; exit 1; }
  sleep 0.05
done
echo "kinesis.sh: not ready after 120 s, see $data/log" >&2
exit 1
