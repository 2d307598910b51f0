#!/usr/bin/env bash
# Runs the tests and ends with one line: N passed, N failed, N skipped.
#
#   tests/run.sh all                  all that need no root
#   tests/run.sh e2e [NAME]...        those against a control plane, or those of them whose names contain one of these
#   tests/run.sh node [NAME]...       the same of those on a real node
#   tests/run.sh e2e,node [NAME]...   the same of both
set -uo pipefail
cd "$(dirname "$0")/.." || exit

what=${1:-all}
shift || true
log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0

run() { "$@" 2>&1 | tee -a "$log" || code=1; }

control_plane() {
    if CONTROL_PLANE_BIN=$(tests/cluster/build.sh); then
        export CONTROL_PLANE_BIN
        # Without Helm the tests of the chart say that they are skipped.
        helm=$(tests/cluster/build.sh helm) && export HELM=$helm/helm
        helm=$(tests/cluster/build.sh helm3) && export HELM3=$helm/helm
        # They wait for others most of the time.
        run cargo test --locked --test e2e -- --test-threads=8 "$@"
    else
        code=1
    fi
}

node() {
    local missing images
    missing=$(tests/node/cluster.sh missing)
    if [ -n "$missing" ]; then
        echo "skipped: the tests on a real node: not there: $missing" >&2
        skipped=1
        return
    fi
    cargo test --locked --test node --no-run || { code=1; return; }
    cargo test --quiet --locked --test node -- --list "$@" | grep ': test$' >/dev/null || return
    if [ -z "${NODE_CLUSTER:-}" ]; then
        # There is one on a machine.
        exec 9>/var/tmp/datadog-sidecar-injector-node.lock
        flock -n 9 || { echo 'another run has the node: waiting' >&2; flock 9; }
        trap 'rm -f "$log"; tests/node/cluster.sh down' EXIT
        NODE_CLUSTER=$(tests/node/cluster.sh up) || { code=1; return; }
    fi
    export NODE_CLUSTER
    if HELM=$(tests/cluster/build.sh helm)/helm && images=$(tests/node/images.sh) &&
        xargs tests/node/cluster.sh load <<<"$images"; then
        export HELM
        run cargo test --locked --test node -- --test-threads=8 "$@"
    else
        code=1
    fi
}

skipped=0
case $what in
    all) run cargo test --locked --no-fail-fast; control_plane ;;
    e2e) control_plane "$@" ;;
    node) node "$@" ;;
    e2e,node) control_plane "$@"; node "$@" ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# What ended before it could count, such as a build, has failed as well. A test that can't do its work says so and passes.
awk -v code="$code" -v skipped="$skipped" '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    /^skipped: / { passed--; skipped++ }
    END { if (code && !failed) failed = 1; printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
' "$log"
exit "$code"
