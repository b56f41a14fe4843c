#!/usr/bin/env bash
# Fetches Apache Kafka's jars into target/parts/kafka-VERSION (once), and prints that folder.
#
#   scripts/kafka-deps.sh [VERSION]
set -euo pipefail
exec "$(dirname "$0")/jars.sh" kafka "${1:-${KAFKA_VERSION:-4.1.2}}"
