#!/usr/bin/env bash
# Runs one Apache Kafka server (a single KRaft node, loopback only) in the foreground, for one test suite.
#
#   scripts/kafka.sh --data DIR [--port N] [--transaction-version 1|2] [--secure] [--set NAME=VALUE]...
#                    [--until-stdin-closes] [--version 4.1.2]
#
# Prints `ready 127.0.0.1:PORT` when it serves, as `kolk broker` does. SIGTERM (or SIGINT) stops server and script.
#   DIR/pid        the server's process id: `kill -9 "$(cat DIR/pid)"` is a crash; the script then ends with status 1
#   DIR/addresses  NAME=VALUE lines: PLAINTEXT, and with --secure SASL_PLAINTEXT, SASL_SSL and CA (a PEM file)
#   DIR/log        what the server said; DIR/format.log, DIR/openssl.log what went before
# A DIR used before starts again with its data and on its port, so "stop, start" and "kill -9, start" are restart tests.
# Without --port the first start picks a free one. --transaction-version and --secure matter at the first start only.
# --secure: user alice, password alice-secret, by PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512; certificate for localhost and 127.0.0.1.
# --until-stdin-closes: also stop when standard input ends, so that no server outlives a killed test which holds the pipe.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
. "$scripts/server.sh"
data='' port='' secure='' guard='' transactions=2 version=${KAFKA_VERSION:-4.1.2} extra=()

while [ $# -gt 0 ]; do
  case $1 in
    --data) data=$2; shift 2 ;;
    --port) port=$2; shift 2 ;;
    --version) version=$2; shift 2 ;;
    --transaction-version) transactions=$2; shift 2 ;;
    --set) extra+=("$2"); shift 2 ;;
    --secure) secure=yes; shift ;;
    --until-stdin-closes) guard=yes; shift ;;
    *) echo "kafka.sh: unknown argument $1" >&2; exit 2 ;;
  esac
done
[ -n "$data" ] || { echo "kafka.sh: --data DIR is missing" >&2; exit 2; }
mkdir -p "$data"
data=$(cd "$data" && pwd)
jars=$("$scripts/kafka-deps.sh" "$version")
# A server that lives for one suite never earns back what the second compiler and a parallel collector cost.
java=("${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xms128m "-Xmx${KAFKA_HEAP:-512m}" -XX:+UseSerialGC -XX:TieredStopAtLevel=1
  -Dorg.slf4j.simpleLogger.showDateTime=true "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS" -cp "$jars/*")

write_properties() {
  local listeners="PLAINTEXT://127.0.0.1:$port"
  if [ -n "$secure" ]; then
    listeners+=",SASL_PLAINTEXT://127.0.0.1:$((port + 1)),SASL_SSL://127.0.0.1:$((port + 2))"
  fi
  cat << PROPERTIES
node.id=1
process.roles=broker,controller
listeners=$listeners,CONTROLLER://127.0.0.1:$((port + 3))
advertised.listeners=$listeners
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
controller.quorum.voters=1@127.0.0.1:$((port + 3))
log.dirs=$data/logs
# One node holds everything, and few partitions of the internal topics make it ready sooner.
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
PROPERTIES
  if [ -n "$secure" ]; then
    local listener mechanism
    echo "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"
    for listener in sasl_plaintext sasl_ssl; do
      echo "listener.name.$listener.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_alice=\"alice-secret\";"
      for mechanism in scram-sha-256 scram-sha-512; do
        echo "listener.name.$listener.$mechanism.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;"
      done
    done
    echo "ssl.keystore.type=PEM"
    echo "ssl.keystore.location=$data/server.pem"
  fi
  [ ${#extra[@]} -eq 0 ] || printf '%s\n' "${extra[@]}"
}

write_addresses() {
  echo "PLAINTEXT=127.0.0.1:$port"
  [ -n "$secure" ] || return 0
  echo "SASL_PLAINTEXT=127.0.0.1:$((port + 1))"
  echo "SASL_SSL=127.0.0.1:$((port + 2))"
  echo "CA=$data/ca.pem"
}

format() {
  local users=()
  [ -z "$secure" ] || users=(--add-scram "SCRAM-SHA-256=[name=alice,password=alice-secret]"
    --add-scram "SCRAM-SHA-512=[name=alice,password=alice-secret]")
  "${java[@]}" kafka.tools.StorageTool format --cluster-id kolk-tests-cluster-id "${users[@]}" \
    --feature "transaction.version=$transactions" --config "$data/properties" > "$data/format.log" 2>&1 ||
    { cat "$data/format.log" >&2; exit 1; }
}

watch_over
claim_ports 4 # clients, SASL_PLAINTEXT, SASL_SSL, controller
[ -z "$secure" ] || make_certificates
write_properties > "$data/properties"
write_addresses > "$data/addresses"
[ -e "$data/logs/meta.properties" ] || format
is_ready() { grep -q 'Transition from STARTING to STARTED' "$data/log"; }
serve 90 "${java[@]}" kafka.Kafka "$data/properties"
