#!/usr/bin/env bash
# Runs the tests and ends with one line: N passed, N failed, N skipped.
#
#   tests/run.sh all             all there are
#   tests/run.sh e2e [NAME]...   those against a control plane, or those of them whose names contain one of these
set -uo pipefail
cd "$(dirname "$0")/.." || exit

what=${1:-all}
shift || true
log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0

run() { "$@" 2>&1 | tee -a "$log" || code=1; }

[ "$what" = e2e ] || run cargo test --locked --no-fail-fast
if CONTROL_PLANE_BIN=$(tests/cluster/build.sh); then
    export CONTROL_PLANE_BIN
    # Without Helm the tests of the chart say that they are skipped.
    helm=$(tests/cluster/build.sh helm) && export HELM=$helm/helm
    # They wait for others most of the time.
    run cargo test --locked --test e2e -- --test-threads=8 "$@"
else
    code=1
fi

# What ended before it could count, such as a build, has failed as well. A test that can't do its work says so and passes.
awk -v code="$code" '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    /^skipped: / { passed--; skipped++ }
    END { if (code && !failed) failed = 1; printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
' "$log"
exit "$code"
