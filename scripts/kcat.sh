#!/usr/bin/env bash
# Prints where kcat is, installing Debian's package if it is missing and we may; otherwise says why not, with status 1.
set -euo pipefail
if ! command -v kcat > /dev/null; then
  [ "$(id -u)" = 0 ] || { echo "kcat is missing, and only root can install it (apt-get install kcat)" >&2; exit 1; }
  command -v apt-get > /dev/null || { echo "kcat is missing, and there is no apt-get to install it" >&2; exit 1; }
  parts=${KOLK_PARTS:-$(cd "$(dirname "$0")/.." && pwd)/target/parts}
  mkdir -p "$parts"
  exec 9> "$parts/apt.lock"
  flock --timeout 300 9
  command -v kcat > /dev/null || {
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update --quiet && apt-get install --yes --quiet --no-install-recommends kcat; } > "$parts/apt.log" 2>&1 ||
      { echo "kcat is missing, and apt-get cannot install it: $(tail -n 1 "$parts/apt.log")" >&2; exit 1; }
  }
fi
command -v kcat
