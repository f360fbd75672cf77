#!/usr/bin/env bash
# Makes sure that programs are on PATH, installing Debian packages where this user may.
# Usage: ensure_debian.sh PROGRAM=PACKAGE...
set -euo pipefail

look() {
  missing=()
  for pair in "$@"; do
    command -v "${pair%%=*}" >/dev/null || missing+=("${pair##*=}")
  done
  [ ${#missing[@]} -gt 0 ] || exit 0
}
look "$@"
# One installation at a time; what another one has brought meanwhile is not missing any more.
exec 9<"$0"
flock 9
look "$@"

by_hand="install by hand: apt-get install ${missing[*]}"
if ! command -v apt-get >/dev/null; then
  echo "needed and not on PATH: $* — no apt-get here to install them with" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "needed and not on PATH; this user cannot install packages: $by_hand" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "installing Debian packages: ${missing[*]} (a minute or two)"
# Debian's prometheus package would start a server of its own on install; only the programs are wanted.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod +x "$policy"
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
fi
log=$(mktemp)
if ! { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  tail -n 5 "$log" >&2
  echo "$by_hand" >&2
  exit 1
fi
rm -f "$log"
