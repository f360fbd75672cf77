#!/usr/bin/env bash
# A CI step that waits for the gate: 0 promote, 1 roll back, 2 still not enough data after all looks.
# Usage: PROMETHEUS=http://… DEPLOYMENT=chat ci-step.sh [flags of forewarn gate]
set -uo pipefail
: "${PROMETHEUS:?expected the address of a Prometheus}" "${DEPLOYMENT:?expected the name of a deployment}"
looks=${LOOKS:-4} pause=${PAUSE_SECONDS:-600}

for look in $(seq "$looks"); do
  forewarn gate --prometheus "$PROMETHEUS" --deployment "$DEPLOYMENT" --looks "$looks" "$@"
  status=$?
  [ "$status" -eq 2 ] && [ "$look" -lt "$looks" ] || exit "$status"
  sleep "$pause"
done
