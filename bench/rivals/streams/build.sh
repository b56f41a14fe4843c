#!/usr/bin/env bash
# Fetches Kafka Streams' jars into target/parts/streams-VERSION, compiles the rival's program beside them (both once), and
# prints the class path.
#
#   bench/rivals/streams/build.sh [VERSION]
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=${1:-${KAFKA_VERSION:-4.1.2}}
parts=${KOLK_PARTS:-$(cd "$here/../../.." && pwd)/target/parts}
jars=$parts/streams-$version
classes=$parts/streams-classes-$version

mkdir -p "$parts"
exec 9> "$parts/streams-$version.lock"
flock --timeout 600 9 || { echo "build.sh: another fetch holds $parts/streams-$version.lock" >&2; exit 1; }
if [ ! -e "$jars/complete" ]; then
  command -v mvn > /dev/null || { echo "build.sh: Maven (mvn) is needed to fetch Kafka Streams" >&2; exit 1; }
  rm -rf "$jars.part"
  mvn --batch-mode --quiet --file "$here/pom.xml" "-Dkafka=$version" \
    dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$jars.part" >&2
  rm -rf "$jars"
  mv "$jars.part" "$jars"
  touch "$jars/complete"
fi
if [ "$here/Rival.java" -nt "$classes/Rival.class" ]; then
  mkdir -p "$classes"
  "${JAVA_HOME:+$JAVA_HOME/bin/}javac" --release 17 -Xlint:all,-processing,-classfile -cp "$jars/*" -d "$classes" "$here/Rival.java" >&2
fi
echo "$classes:$jars/*"
