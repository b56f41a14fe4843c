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
. "$root/scripts/once.sh"
. "$root/scripts/server.sh"
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

packages=${KOLK_PARTS:-$root/target/parts}/kinesalite-$version
fetch() { npm install --prefix "$1" --no-audit --no-fund --silent "kinesalite@$version"; }
once "$packages" npm fetch

watch_over
claim_ports 1
[ -z "$faults" ] || echo "$faults" > "$data/faults"
rm -f "$data/ready"
is_ready() { [ -e "$data/ready" ]; }
export NODE_PATH=$packages/node_modules
serve 120 node "$root/scripts/kinesis.js" "$data" "$port"
