#!/usr/bin/env bash
# Runs one Apache Cassandra node (loopback only) in the foreground, for one test suite.
#
#   scripts/cassandra.sh --data DIR [--port N] [--secure] [--durable] [--until-stdin-closes] [--version 5.0.9]
#
# Prints `ready 127.0.0.1:PORT` when CQL is served. SIGTERM (or SIGINT) stops node and script.
#   DIR/pid     the node's process id: `kill -9 "$(cat DIR/pid)"` is a crash; the script then ends with status 1
#   DIR/log     what the node said
#   DIR/ca.pem  with --secure: the authority of its certificate, which is for localhost and 127.0.0.1
# A DIR used before starts again with its data and on its port. Needs Java 17, and Maven for the first time.
# --durable: what was acknowledged is there after kill -9. As Cassandra comes, its log is marked every 100 ms and read up to the last mark.
# --secure: user cassandra, password cassandra; TLS for clients that ask for it, on the same port.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
. "$scripts/server.sh"
data='' port='' guard='' secure='' durable='' version=${CASSANDRA_VERSION:-5.0.9}

while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --version) version=$2; shift 2 ;;
    --secure) secure=yes; shift ;;
    --durable) durable=yes; shift ;;
    --until-stdin-closes) guard=yes; shift ;;
    *) echo "cassandra.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
[ -n "$data" ] || { echo "cassandra.sh: --data DIR is missing" >&2; exit 2; }
mkdir -p "$data"
data=$(cd "$data" && pwd)

jars=$("$scripts/jars.sh" cassandra "$version")
watch_over
claim_ports 2 # clients, and the node's own, which nobody else uses

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
commitlog_disk_access_mode: legacy
auto_snapshot: false
YAML
if [ -n "$durable" ]; then
  echo "commitlog_sync: batch" >> "$data/cassandra.yaml"
else
  printf '%s\n' "commitlog_sync: periodic" "commitlog_sync_period: 10s" >> "$data/cassandra.yaml"
fi
if [ -n "$secure" ]; then
  make_certificates
  [ -e "$data/server.p12" ] || openssl pkcs12 -export -in "$data/server.pem" -out "$data/server.p12" -passout pass:kolk-tests
  cat >> "$data/cassandra.yaml" << YAML
authenticator: PasswordAuthenticator
role_manager: CassandraRoleManager
client_encryption_options: {enabled: true, optional: true, keystore: $data/server.p12, keystore_password: kolk-tests, store_type: PKCS12}
YAML
fi
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
  -Dcassandra.superuser_setup_delay_ms=0 -Dcassandra.auth_bcrypt_gensalt_log2_rounds=4
  -Dcassandra-foreground=yes -Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100
  "${export[@]}" "${open[@]}" --add-opens jdk.management/com.sun.management.internal=ALL-UNNAMED -cp "$jars/*")

# Who may log in is written once, before or after CQL is served.
is_ready() {
  grep -q 'Starting listening for CQL clients' "$data/log" || return 1
  [ -z "$secure" ] || [ -e "$data/roles" ] || ! grep -q 'Created default superuser role' "$data/log" || touch "$data/roles"
  [ -z "$secure" ] || [ -e "$data/roles" ]
}
serve 180 "${java[@]}" org.apache.cassandra.service.CassandraDaemon
