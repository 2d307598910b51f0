#!/usr/bin/env bash
# Checks what is depended on, in every lock file.
#
#   tests/dependencies.sh policy       licences, bans and sources, as deny.toml has them
#   tests/dependencies.sh advisories   known faults; exit 4 where the database of advisories cannot be had
#
# Cargo's folder is an empty one each time: what an earlier run left there must not hide that something is never fetched.
set -euo pipefail
cd "$(dirname "$0")/.."
home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT

deny() { CARGO_HOME=$home cargo deny --manifest-path "$1/Cargo.toml" --config deny.toml "${@:2}"; }

case ${1:-} in
    policy)
        for package in . bench fuzz; do
            CARGO_HOME=$home cargo fetch --quiet --locked --manifest-path "$package/Cargo.toml"
            deny "$package" --offline check licenses bans sources
        done
        ;;
    advisories)
        if ! deny . fetch db; then exit 4; fi
        for package in . bench fuzz; do
            CARGO_HOME=$home cargo fetch --quiet --locked --manifest-path "$package/Cargo.toml"
            deny "$package" --offline check advisories
        done
        ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac
