#!/usr/bin/env bash
# Renders the chart into plain manifests for namespace datadog-agent, for those who apply them without Helm:
#
#   kubectl apply --server-side -f deploy/datadog-sidecar-injector.yaml    the injector, with the chart's defaults
#   kubectl apply --server-side -f deploy/kubelet-access.yaml              what agents of a namespace may ask of the kubelet
#
#   deploy/render.sh            writes both anew
#   deploy/render.sh --check    fails where one is out of date
set -euo pipefail
cd "$(dirname "$0")/.."
helm=${HELM:-$(tests/cluster/build.sh helm)/helm}

template() { # template [FLAG]...: what the chart renders, but for the Job that proves the way and what that needs
    "$helm" template datadog-sidecar-injector charts/datadog-sidecar-injector --namespace datadog-agent --no-hooks "$@" |
        awk '/^---$/ { line = $0; next } line { drop = /templates\/probe.yaml$/; if (!drop) print line; line = "" } !drop' |
        sed 's/managed-by: Helm$/managed-by: kubectl/'
}

injector() {
    cat <<'END'
# Rendered from charts/datadog-sidecar-injector by deploy/render.sh. The namespace comes first, since all else is in it; where it is
# there already it stays as it is. Whoever deletes it deletes what others have in it as well.
---
apiVersion: v1
kind: Namespace
metadata:
  name: datadog-agent
END
    template
}

access() {
    printf '# Rendered from charts/datadog-sidecar-injector by deploy/render.sh. It grants nodes/proxy, by which one can run commands in\n'
    printf '# every pod of the cluster: docs/security.md compares the ways. For each namespace with agents there is a subject: put yours there.\n'
    template --show-only templates/kubelet.yaml --set 'injector.rbac.namespaces={my-namespace}' --set injector.rbac.kubelet.access=proxy
}

for what in injector:datadog-sidecar-injector access:kubelet-access; do
    file=deploy/${what#*:}.yaml
    if [ "${1:-}" = --check ]; then
        diff -u "$file" <("${what%:*}") || { echo "$file is out of date: make generate" >&2; exit 1; }
    else
        "${what%:*}" >"$file.new" && mv "$file.new" "$file"
    fi
done
