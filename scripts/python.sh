#!/usr/bin/env bash
# Makes a Python environment with the clients of Kafka and other stores that the tests drive (once), and prints its interpreter.
#
#   "$(scripts/python.sh)" conformance/run.py
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
parts=${KOLK_PARTS:-$root/target/parts}
# The codecs are kafka-python's: it has none of its own but gzip.
pins="boto3==1.44.5 cassandra-driver==3.30.1 confluent-kafka==2.16.1 kafka-python==3.0.12 psycopg==3.3.8 psycopg-binary==3.3.8 crc32c==2.9 python-snappy==0.7.3 lz4==4.4.5 zstandard==0.25.0"
# Named by what is in it: other checkouts that share the folder may want other packages.
venv=$parts/python-$(cksum <<< "$pins" | cut -d" " -f1)

mkdir -p "$parts"
if [ "$(cat "$venv/pins" 2> /dev/null)" != "$pins" ]; then
  exec 9> "$parts/python.lock"
  flock --timeout 600 9 || { echo "python.sh: another run holds $parts/python.lock" >&2; exit 1; }
  if [ "$(cat "$venv/pins" 2> /dev/null)" != "$pins" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2
    # shellcheck disable=SC2086 # one word per package
    "$venv/bin/pip" install --quiet $pins >&2
    echo "$pins" > "$venv/pins"
  fi
fi
echo "$venv/bin/python"
