#!/usr/bin/env bash
# Runs one Apache Cassandra node (loopback only, without passwords) in the foreground, for one test suite.
#
#   scripts/cassandra.sh --data DIR [--port N] [--until-stdin-closes] [--version 5.0.9]
#
# Prints `ready 127.0.0.1:PORT` when CQL is served. SIGTERM (or SIGINT) stops node and script.
#   DIR/pid  the node's process id: `kill -9 "$(cat DIR/pid)"` is a crash; the script then ends with status 1
#   DIR/log  what the node said
# A DIR used before starts again with its data and on its port. Needs Java 17, and Maven for the first time.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
data='' port='' guard='' version=${CASSANDRA_VERSION:-5.0.9}

while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --version) version=$2; shift 2 ;;
    --until-stdin-closes) guard=yes; shift ;;
    *) echo "cassandra.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
[ -n "$data" ] || { echo "cassandra.sh: --data DIR is missing" >&2; exit 2; }
mkdir -p "$data"
data=$(cd "$data" && pwd)

parts=${KOLK_PARTS:-$root/target/parts}
jars=$parts/cassandra-$version
mkdir -p "$parts"
if [ ! -e "$jars/complete" ]; then
  exec 9> "$jars.lock"
  flock --timeout 600 9 || { echo "cassandra.sh: another fetch holds $jars.lock" >&2; exit 1; }
  if [ ! -e "$jars/complete" ]; then
    command -v mvn > /dev/null || { echo "cassandra.sh: Maven (mvn) is needed to fetch Apache Cassandra" >&2; exit 1; }
    rm -rf "$jars.part"
    mvn --batch-mode --quiet --file "$root/scripts/cassandra-jars.pom.xml" "-Dcassandra=$version" \
      dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$jars.part" >&2
    rm -rf "$jars"
    mv "$jars.part" "$jars"
    touch "$jars/complete"
  fi
  exec 9>&-
fi

# Two ports in a row: clients, and the node's own, which nobody else uses.
is_free() { ! (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null; }
if [ -z "$port" ]; then port=$(cat "$data/port" 2> /dev/null || true); fi
for _ in $(seq 50); do
  [ -z "$port" ] || break
  candidate=$((10000 + (RANDOM * 32768 + RANDOM) % 11000 * 2))
  if is_free "$candidate" && is_free $((candidate + 1)); then port=$candidate; fi
done
[ -n "$port" ] || { echo "cassandra.sh: found no two free ports in a row" >&2; exit 1; }
echo "$port" > "$data/port"

cat > "$data/cassandra.yaml" << YAML
cluster_name: kolk tests
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
num_tokens: 1
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
native_transport_port: $port
storage_port: $((port + 1))
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters: [{seeds: "127.0.0.1:$((port + 1))"}]
data_file_directories: [$data/data]
commitlog_directory: $data/commitlog
hints_directory: $data/hints
saved_caches_directory: $data/saved_caches
cdc_raw_directory: $data/cdc_raw
# What was acknowledged must be there after kill -9: the log is written, and only the machine's own crash could lose it.
commitlog_sync: periodic
commitlog_sync_period: 10s
commitlog_disk_access_mode: legacy
auto_snapshot: false
YAML
cat > "$data/logback.xml" << 'XML'
<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%-5level %date %logger{0} %msg%n</pattern></encoder></appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
XML

# Java 17 lets Cassandra into its own parts only when told to.
open=() export=()
for package in java.io java.lang java.lang.module java.lang.reflect java.nio java.util java.util.concurrent \
  java.util.concurrent.atomic jdk.internal.loader jdk.internal.math jdk.internal.module jdk.internal.ref \
  jdk.internal.reflect jdk.internal.util.jar sun.nio.ch; do
  open+=(--add-opens "java.base/$package=ALL-UNNAMED")
done
for package in java.base/jdk.internal.misc java.base/jdk.internal.ref java.base/sun.nio.ch java.base/java.lang.ref \
  java.management.rmi/com.sun.jmx.remote.internal.rmi java.rmi/sun.rmi.registry java.rmi/sun.rmi.server \
  java.sql/java.sql jdk.unsupported/sun.misc jdk.compiler/com.sun.tools.javac.file; do
  export+=(--add-exports "$package=ALL-UNNAMED")
done
java=("${JAVA_HOME:+$JAVA_HOME/bin/}java" "-Xms${CASSANDRA_HEAP:-256m}" "-Xmx${CASSANDRA_HEAP:-256m}" -XX:+UseSerialGC
  -XX:TieredStopAtLevel=1 "-javaagent:$(echo "$jars"/jamm-*.jar)" -Djdk.attach.allowAttachSelf=true
  "-Dcassandra.config=file://$data/cassandra.yaml" "-Dcassandra.storagedir=$data" "-Dlogback.configurationFile=$data/logback.xml"
  -Dcassandra-foreground=yes -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100
  "${export[@]}" "${open[@]}" --add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED -cp "$jars/*")

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

: > "$data/log"
setpriv --pdeathsig KILL "${java[@]}" org.apache.cassandra.service.CassandraDaemon > "$data/log" 2>&1 < /dev/null &
server=$!
echo "$server" > "$data/pid"
for _ in $(seq 3600); do
  if grep -q 'Starting listening for CQL clients' "$data/log"; then
    echo "ready 127.0.0.1:$port"
    wait "$server" || true
    echo "cassandra.sh: the node ended, see $data/log" >&2
    exit 1
  fi
  kill -0 "$server" 2> /dev/null || { tail -n 20 "$data/log" >&2; exit 1; }
  sleep 0.05
done
echo "cassandra.sh: not ready after 180 s, see $data/log" >&2
exit 1
