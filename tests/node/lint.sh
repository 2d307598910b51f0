#!/usr/bin/env bash
# Formatting and clippy for stand_in.rs, which is no part of the package: it has no dependencies, and signals need `unsafe`.
set -euo pipefail
cd "$(dirname "$0")"
rustfmt --check --edition 2024 --config-path ../.. stand_in.rs
nothing=$(mktemp -d)
trap 'rm -rf "$nothing"' EXIT
clippy-driver --edition 2024 --crate-type bin -D warnings --emit metadata -o "$nothing/stand_in.rmeta" stand_in.rs
