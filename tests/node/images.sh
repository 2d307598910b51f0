#!/usr/bin/env bash
# Builds the images that the pods of the tests run, and prints their archives: the injector, as `make image` builds it but for the
# optimisation; and stand_in.rs for everything else, under the names that the injector gives the sidecar's images.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cd "$here/../.."
folder=${CARGO_TARGET_DIR:-target}/node
registry=images.test
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)

archive() { # archive <what it is made of> <name>
    local file=$folder/${2//[\/:]/_}.tar
    image/archive.sh "$1" "$file" "$2" 2>/dev/null
    realpath "$file"
}

injector=$(image/binary.sh node)
mkdir -p "$folder"
archive "$injector" "$registry/datadog-sidecar-injector:$version"

rustc --edition 2024 -C target-feature=+crt-static -C opt-level=s -C strip=symbols -C panic=abort -o "$folder/pause" tests/node/stand_in.rs
archive "$folder/pause" "$registry/pause:1"

# Whoever may, may write everywhere: what is not writable in a pod is so by the pod.
root=$folder/root
rm -rf "$root"
mkdir -p "$root"/{bin,tmp,run,etc/datadog-agent,opt/datadog-agent/run,var/log/datadog,var/run}
install "$folder/pause" "$root/entrypoint"
ln -s entrypoint "$root/cws-instrumentation"
install "$(command -v busybox)" "$root/bin/busybox"
for applet in sh cp cat sleep; do ln -s busybox "$root/bin/$applet"; done
printf '#!/bin/sh\nexec /entrypoint health\n' >"$root/probe.sh"
printf 'root:x:0:0::/:\ndd-agent:x:100:100::/:\n' >"$root/etc/passwd"
echo '# The agent looks for it.' >"$root/etc/datadog-agent/datadog.yaml"
chmod -R a+rwX "$root"
chmod a+x "$root/probe.sh"
archive "$root" "$registry/app:1"

config=$(mktemp)
trap 'rm -f "$config"' EXIT
echo 'clusterAgent: {admissionController: {agentSidecarInjection: {profiles: [{cws: {enabled: true}}]}}}' >"$config"
echo '{apiVersion: v1, kind: Pod, metadata: {name: app, labels: {agent.datadoghq.com/sidecar: fargate}}, spec: {containers: [{name: app}]}}' |
    "$injector" inject -f - --config "$config" --output json 2>/dev/null | grep -o '"image":"[^"]*"' | sort -u |
    while IFS='"' read -r _ _ _ image _; do archive "$root" "$image"; done
