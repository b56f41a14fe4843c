#!/usr/bin/env bash
# Fetches the jars that scripts/NAME-jars.pom.xml names into target/parts/NAME-VERSION (once), and prints that folder.
#
#   scripts/jars.sh NAME VERSION
#
# Safe to call from several test suites at once: the first one fetches, the others wait for it.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
name=${1:?usage: jars.sh NAME VERSION} version=${2:?usage: jars.sh NAME VERSION}
parts=${KOLK_PARTS:-$root/target/parts}
jars=$parts/$name-$version

mkdir -p "$parts"
if [ ! -e "$jars/complete" ]; then
  exec 9> "$jars.lock"
  flock --timeout 600 9 || { echo "jars.sh: another fetch holds $jars.lock" >&2; exit 1; }
  if [ ! -e "$jars/complete" ]; then
    command -v mvn > /dev/null || { echo "jars.sh: Maven (mvn) is needed to fetch the jars of $name" >&2; exit 1; }
    rm -rf "$jars.part"
    mvn --batch-mode --quiet --file "$root/scripts/$name-jars.pom.xml" "-D$name=$version" \
      dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$jars.part" >&2
    rm -rf "$jars"
    mv "$jars.part" "$jars"
    touch "$jars/complete"
  fi
fi
echo "$jars"
