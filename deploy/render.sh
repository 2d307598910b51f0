#!/usr/bin/env bash
# Renders the chart with its defaults into plain manifests, for those who apply them without Helm. They are for namespace datadog-agent:
#
#   kubectl create namespace datadog-agent
#   kubectl apply --server-side -f deploy/datadog-sidecar-injector.yaml
#
#   deploy/render.sh            writes deploy/datadog-sidecar-injector.yaml anew
#   deploy/render.sh --check    fails where it is out of date
set -euo pipefail
cd "$(dirname "$0")/.."
helm=${HELM:-$(tests/cluster/build.sh helm)/helm}
rendered=deploy/datadog-sidecar-injector.yaml

render() {
    printf '# Rendered from charts/datadog-sidecar-injector by deploy/render.sh, for namespace datadog-agent.\n'
    "$helm" template datadog-sidecar-injector charts/datadog-sidecar-injector --namespace datadog-agent --no-hooks |
        sed 's/managed-by: Helm$/managed-by: kubectl/'
}

if [ "${1:-}" = --check ]; then
    diff -u "$rendered" <(render) || { echo "$rendered is out of date: deploy/render.sh" >&2; exit 1; }
else
    render >"$rendered.new" && mv "$rendered.new" "$rendered"
fi
