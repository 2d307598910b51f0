#!/usr/bin/env bash
# The chart without a cluster: linted and rendered with its defaults and with each set-up of deploy/values.
set -euo pipefail
cd "$(dirname "$0")/.."
helm=${HELM:-$(tests/cluster/build.sh helm)/helm}
chart=charts/datadog-sidecar-injector
log=$(mktemp)
trap 'rm -f "$log"' EXIT

quietly() { "$@" >"$log" 2>&1 || { echo "failed: $*"; cat "$log"; exit 1; }; }

quietly "$helm" lint --strict "$chart"
for values in deploy/values/*.yaml examples/*values.yaml; do
    quietly "$helm" lint --strict "$chart" --values "$values"
    quietly "$helm" template datadog-sidecar-injector "$chart" --namespace datadog-agent --values "$values"
done
