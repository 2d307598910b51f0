#!/usr/bin/env bash
# Everything but the tests that must hold before a change is merged. Ends with one line: N passed, N failed, N skipped.
set -uo pipefail
cd "$(dirname "$0")/.." || exit

passed=0 failed=0 skipped=0

check() { # check <what> <command>...
    local what=$1 began=$SECONDS output
    shift
    if output=$("$@" 2>&1); then
        passed=$((passed + 1))
        printf 'ok       %s (%d s)\n' "$what" $((SECONDS - began))
    else
        failed=$((failed + 1))
        printf 'FAILED   %s (%d s)\n%s\n' "$what" $((SECONDS - began)) "$output"
    fi
}

skip() { # skip <what> <why>
    skipped=$((skipped + 1))
    printf 'skipped  %s: %s\n' "$1" "$2"
}

mapfile -t scripts < <(git ls-files '*.sh' .ci/run)

check formatting cargo fmt --check
check clippy cargo clippy --locked --all-targets -- -D warnings
check 'clippy, end-to-end tests' cargo clippy --locked --test e2e --test node -- -D warnings
check 'clippy, benchmarks' cargo clippy --locked --manifest-path bench/Cargo.toml --target-dir target/bench --all-targets -- -D warnings
if command -v c++ >/dev/null; then
    check 'clippy, fuzzers' cargo clippy --locked --manifest-path fuzz/Cargo.toml --target-dir target/bench -- -D warnings
else
    skip 'clippy, fuzzers' 'there is no C++ compiler, which libFuzzer is built with'
fi
check 'the stand-in of the agent' tests/node/lint.sh
check documentation env RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --quiet
check 'syntax of the scripts' bash -c 'for script; do bash -n "$script" || exit; done' - "${scripts[@]}"
if command -v shellcheck >/dev/null; then
    check shellcheck shellcheck --severity=warning --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
else
    skip shellcheck 'not installed'
fi
# Both build Helm where it is not there; one that does not build fails them, with the reason.
check 'the chart' tests/chart.sh
check 'deploy/, as rendered from the chart' deploy/render.sh --check
if cargo deny --version >/dev/null 2>&1; then
    check 'licences, bans and sources of the dependencies' tests/dependencies.sh policy
    if advisories=$(tests/dependencies.sh advisories 2>&1); then
        check 'known faults of the dependencies' true
    elif [ $? = 4 ]; then
        skip 'known faults of the dependencies' 'the database of advisories cannot be reached'
    else
        check 'known faults of the dependencies' sh -c 'echo "$1"; exit 1' - "$advisories"
    fi
else
    skip 'licences, bans, sources and known faults of the dependencies' 'cargo-deny is not installed'
fi

printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" = 0 ]
