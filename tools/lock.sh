#!/usr/bin/env bash
# Rewrites the locks of the images from pyproject.toml, at the versions of constraints.txt.
# Usage: lock.sh UV
set -euo pipefail
cd "$(dirname "$0")/.."
uv=$1

# $1: what the versions are for, $2: file, $3: requirements to read, - for standard input; more: options
lock() {
  {
    echo "# Written by \`make lock\`; do not edit. What the image $1, by version and hash."
    # No Python of uv's own is fetched; the locks hold for every version from 3.11 on.
    "$uv" pip compile "$3" "${@:4}" --quiet --no-python-downloads --universal --python-version 3.11 --constraint constraints.txt \
      --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links
  } >"$2.new"
  mv "$2.new" "$2"
}

# With what passwords need: the image has to take any configuration.
lock installs exporter/requirements.lock pyproject.toml --extra web
echo hatchling | lock 'is built with' exporter/build.lock -
echo pyyaml | lock installs lab/requirements.lock -
