# shellcheck shell=bash
# For scripts that run one server in the foreground, for one test suite: ports, certificates, and the life of the server's process.
#
#   . "$(dirname "$0")/server.sh"
#   data=… port=… guard=…              # its folder; its port, if one is asked for; not empty: it ends when standard input does
#   claim_ports 2                      # sets `port`: the first of two free ones; the same as when it last ran on this folder
#   watch_over                         # from here on it stops well
#   is_ready() { grep -q … "$data/log"; }
#   serve 90 COMMAND…                  # runs it; prints `ready 127.0.0.1:PORT` when it is ready, which must be within 90 s
#
# What it leaves in `data`: `pid`, the server's process id: `kill -9 "$(cat DIR/pid)"` is a crash, and the script ends with status 1;
# `log`, what the server said; `port`. SIGTERM (or SIGINT) stops server and script.
me=${0##*/} server='' guardian=''
# What a server takes for the wish that it ends soon and well.
stop_signal=TERM

is_free() { ! (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }

are_free() { # the first, and how many
  local offset
  for ((offset = 0; offset < $2; offset++)); do is_free $(($1 + offset)) || return 1; done
}

# They are sought below the range from which the kernel takes ports for outgoing connections, so that a restart finds its own free.
claim_ports() {
  local count=$1 candidate
  if [ -z "$port" ]; then port=$(cat "$data/port" 2> /dev/null || true); fi
  for _ in $(seq 50); do
    [ -z "$port" ] || break
    candidate=$((10000 + (RANDOM * 32768 + RANDOM) % (22000 / count) * count))
    ! are_free "$candidate" "$count" || port=$candidate
  done
  [ -n "$port" ] || { echo "$me: found no $count free ports in a row" >&2; exit 1; }
  echo "$port" > "$data/port"
}

# An authority (`ca.pem`), and a certificate signed by it for localhost and 127.0.0.1 (`server.crt`, `server.key`, both in `server.pem`):
# rustls refuses an authority's own as a server's. Nothing when they are there.
make_certificates() {
  [ ! -e "$data/server.pem" ] || return 0
  local request=(openssl req -x509 -newkey rsa:2048 -nodes -days 3650)
  "${request[@]}" -subj "/CN=kolk tests" -keyout "$data/authority.key" -out "$data/ca.pem"
  "${request[@]}" -subj "/CN=localhost" -CA "$data/ca.pem" -CAkey "$data/authority.key" \
    -addext "subjectAltName=DNS:localhost,IP:127.0.0.1" -addext "basicConstraints=critical,CA:FALSE" \
    -keyout "$data/server.key" -out "$data/server.crt"
  cat "$data/server.key" "$data/server.crt" > "$data/server.pem"
} 2> "$data/openssl.log"

stop_server() {
  trap '' TERM INT
  if [ -n "$server" ]; then kill -s "$stop_signal" "$server" 2> /dev/null || true; wait "$server" || true; fi
  # Whoever has started a server on the folder since then has written its own.
  [ "$(cat "$data/pid" 2> /dev/null)" != "$server" ] || rm -f "$data/pid"
  [ -z "$guardian" ] || kill "$guardian" 2> /dev/null || true
}

# From here on the script ends on SIGTERM and, when it is guarded, with its standard input: no server outlives a killed test which holds
# the pipe.
watch_over() {
  trap stop_server EXIT
  trap 'exit 0' TERM INT
  [ -n "$guard" ] || return 0
  exec 4<&0
  (trap - TERM INT EXIT; cat <&4 > /dev/null; kill -TERM $$ 2> /dev/null) &
  guardian=$!
}

serve() {
  local seconds=$1
  shift
  : > "$data/log" # no line of an earlier run may pass for one of this run
  # The server dies with this script, even when that one is killed with SIGKILL.
  setpriv --pdeathsig KILL "$@" > "$data/log" 2>&1 < /dev/null &
  server=$!
  echo "$server" > "$data/pid"
  for _ in $(seq $((seconds * 20))); do
    if is_ready; then
      echo "ready 127.0.0.1:$port"
      wait "$server" || true
      echo "$me: the server ended, see $data/log" >&2
      exit 1
    fi
    kill -0 "$server" 2> /dev/null || { tail -n 20 "$data/log" >&2; exit 1; }
    sleep 0.05
  done
  echo "$me: not ready after $seconds s, see $data/log" >&2
  exit 1
}
