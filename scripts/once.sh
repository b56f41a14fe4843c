# shellcheck shell=bash
# For scripts that fetch something once, for all checkouts and test suites that share its folder.
#
#   . "$(dirname "$0")/once.sh"
#   once FOLDER TOOL COMMAND…    # TOOL is what COMMAND needs; it fills FOLDER, which is empty and called FOLDER.part until it is done
#
# Safe to call from several test suites at once: the first one fetches, the others wait for it.
once() {
  local folder=$1 tool=$2 me=${0##*/}
  shift 2
  mkdir -p "$(dirname "$folder")"
  [ ! -e "$folder/complete" ] || return 0
  exec 9> "$folder.lock"
  flock --timeout 600 9 || { echo "$me: another fetch holds $folder.lock" >&2; exit 1; }
  if [ ! -e "$folder/complete" ]; then
    command -v "$tool" > /dev/null || { echo "$me: $tool is needed to fetch ${folder##*/}" >&2; exit 1; }
    rm -rf "$folder" "$folder.part"
    mkdir "$folder.part"
    "$@" "$folder.part" >&2
    mv "$folder.part" "$folder"
    touch "$folder/complete"
  fi
  exec 9>&-
}
