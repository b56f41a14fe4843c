#!/usr/bin/env bash
# Fetches Apache Kafka's jars into target/parts/kafka-VERSION (once), and prints that folder.
#
#   scripts/kafka-deps.sh [VERSION]
#
# Safe to call from several test suites at once: the first one fetches, the others wait for it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
version=${1:-${KAFKA_VERSION:-4.1.2}}
parts=${KOLK_PARTS:-$root/target/parts}
jars=$parts/kafka-$version

mkdir -p "$parts"
if [ ! -e "$jars/complete" ]; then
  exec 9> "$parts/kafka-$version.lock"
  flock --timeout 600 9 || { echo "kafka-deps.sh: another fetch holds $parts/kafka-$version.lock" >&2; exit 1; }
  if [ ! -e "$jars/complete" ]; then
    command -v mvn > /dev/null || { echo "kafka-deps.sh: Maven (mvn) is needed to fetch Apache Kafka" >&2; exit 1; }
    rm -rf "$jars.part"
    mvn --batch-mode --quiet --file "$root/scripts/kafka-jars.pom.xml" "-Dkafka=$version" \
      dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$jars.part" >&2
    rm -rf "$jars"
    mv "$jars.part" "$jars"
    touch "$jars/complete"
  fi
fi
echo "$jars"
