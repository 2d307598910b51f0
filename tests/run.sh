#!/usr/bin/env bash
# Runs the tests and ends with one line: N passed, N failed, N skipped.
#
#   tests/run.sh all                  all that need no root
#   tests/run.sh e2e [NAME]...        those against a control plane, or those of them whose names contain one of these
#   tests/run.sh node [NAME]...       the same of those on a real node
#   tests/run.sh e2e,node [NAME]...   the same of both
#
# A NAME that is in no test's name fails, and so does what the tests need and cannot be built.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

what=${1:-all}
shift || true
log=$(mktemp)
trap 'rm -f "$log"' EXIT
code=0

run() { "$@" 2>&1 | tee -a "$log" || code=1; }

# Whether each word is part of the name of a test of these; else says which is not. Flags are libtest's own.
known() { # known <suite>[,<suite>] [WORD]...
    local suite word listed names='' ok=0
    for suite in ${1//,/ }; do
        listed=$(cargo test --quiet --locked --test "$suite" -- --list --format terse) || return 1
        names+=$(sed -n 's/: test$//p' <<<"$listed")$'\n'
    done
    for word in "${@:2}"; do
        case $word in -*) continue ;; esac
        if ! grep -qF -e "$word" <<<"$names"; then
            echo "failed: no test of $1 has a name with $word in it" >&2
            ok=1
        fi
    done
    return $ok
}

# Whether there is something to run: with two suites a word may be in the names of one alone.
any() { [ $# = 1 ] || cargo test --quiet --locked --test "$1" -- --list --format terse "${@:2}" | grep ': test$' >/dev/null; }

control_plane() {
    any e2e "$@" || return
    if CONTROL_PLANE_BIN=$(tests/cluster/build.sh) && helm=$(tests/cluster/build.sh helm) && helm3=$(tests/cluster/build.sh helm3) &&
        kubectl=$(tests/cluster/build.sh kubectl); then
        export CONTROL_PLANE_BIN HELM=$helm/helm HELM3=$helm3/helm KUBECTL=$kubectl/kubectl
        # They wait for others most of the time.
        run cargo test --locked --test e2e -- --test-threads=8 "$@"
    else
        echo 'failed: the tests against a control plane: what they need does not build' >&2
        broken=$((broken + 1)) code=1
    fi
}

node() {
    local missing images
    any node "$@" || return
    missing=$(tests/node/cluster.sh missing)
    if [ -n "$missing" ]; then
        echo "skipped: the tests on a real node: not there: $missing" >&2
        skipped=1
        return
    fi
    if [ -z "${NODE_CLUSTER:-}" ]; then
        # There is one on a machine.
        exec 9>/var/tmp/datadog-sidecar-injector-node.lock
        flock -n 9 || { echo 'another run has the node: waiting' >&2; flock 9; }
        trap 'rm -f "$log"; tests/node/cluster.sh down' EXIT
        NODE_CLUSTER=$(tests/node/cluster.sh up) || { broken=$((broken + 1)) code=1; return; }
    fi
    export NODE_CLUSTER
    if HELM=$(tests/cluster/build.sh helm)/helm && images=$(tests/node/images.sh) &&
        xargs tests/node/cluster.sh load <<<"$images"; then
        export HELM
        run cargo test --locked --test node -- --test-threads=8 "$@"
    else
        echo 'failed: the tests on a real node: what they need does not build' >&2
        broken=$((broken + 1)) code=1
    fi
}

skipped=0 broken=0
case $what in
    all) run cargo test --locked --no-fail-fast; control_plane ;;
    e2e | node | e2e,node)
        if known "$what" "$@"; then
            for suite in ${what//,/ }; do case $suite in e2e) control_plane "$@" ;; *) node "$@" ;; esac; done
        else
            code=1
        fi
        ;;
    *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

# What ended before it could count, such as a build, has failed as well. A test that can't do its work says so and passes.
awk -v code="$code" -v skipped="$skipped" -v failed="$broken" '
    /^test result:/ { passed += $4; failed += $6; skipped += $8 }
    /^skipped: / { passed--; skipped++ }
    END { if (code && !failed) failed = 1; printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }
' "$log"
exit "$code"
