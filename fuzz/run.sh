#!/usr/bin/env bash
# Sends made-up bytes through the doors, beginning with the files of the golden cases.
#
#   fuzz/run.sh [SECONDS] [DOOR]...   how long for each (60); which: review, configuration, manifest, certificate (all)
#
# It needs a C++ compiler and cargo-fuzz of the version in versions.env, and no nightly Rust, since it uses no sanitizer: there is no
# unsafe code here to watch. What it found stays in fuzz/corpus, where the
# next run goes on; bytes that break something lie in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./versions.env
seconds=${1:-60}
shift || true
[ $# = 0 ] && set -- review configuration manifest certificate

die() { printf 'fuzz: %s\n' "$*" >&2; exit 1; }

[[ $seconds =~ ^[1-9][0-9]*$ ]] || die "$seconds is no number of seconds"
for door; do [ -f "fuzz/fuzz_targets/$door.rs" ] || die "there is no door $door, only review, configuration, manifest and certificate"; done

PATH=${XDG_CACHE_HOME:-$HOME/.cache}/datadog-sidecar-injector/tools/bin:$PATH
command -v cargo-fuzz >/dev/null || die "cargo-fuzz is not installed: cargo install --locked cargo-fuzz@$CARGO_FUZZ_VERSION"
command -v c++ >/dev/null || die 'there is no C++ compiler, which libFuzzer is built with'

FUZZ_CORPUS=$PWD/fuzz/corpus cargo test --locked --quiet --test it damage::what_is_damaged >/dev/null
for door; do
    printf '\n=== %s, %s seconds\n' "$door" "$seconds"
    cargo fuzz run --sanitizer none "$door" -- -max_total_time="$seconds" -max_len=20000 -timeout=20 -print_final_stats=1
done
