#!/usr/bin/env bash
# Fetches the jars that scripts/NAME-jars.pom.xml names into target/parts/NAME-VERSION (once), and prints that folder.
#
#   scripts/jars.sh NAME VERSION
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
. "$root/scripts/once.sh"
name=${1:?usage: jars.sh NAME VERSION} version=${2:?usage: jars.sh NAME VERSION}
jars=${KOLK_PARTS:-$root/target/parts}/$name-$version

fetch() {
  mvn --batch-mode --quiet --file "$root/scripts/$name-jars.pom.xml" "-D$name=$version" \
    dependency:copy-dependencies -DincludeScope=runtime "-DoutputDirectory=$1"
}
once "$jars" mvn fetch
echo "$jars"
