#!/usr/bin/env bash
# Builds the static binary that the image holds, with the list of its dependencies in it, and prints where it lies.
#
#   image/binary.sh [PROFILE]     cargo's profile: release (default), or node for tests
#
# It needs cargo-auditable of the version in versions.env; without it, it says so and leaves the list out. The C library is glibc's:
# with musl's a review costs twice as much, for its allocator gives every buffer back to the kernel.
set -euo pipefail
cd "$(dirname "$0")/.."
. ./versions.env
PATH=${XDG_CACHE_HOME:-$HOME/.cache}/datadog-sidecar-injector/tools/bin:$PATH

profile=${1:-release}
target=x86_64-unknown-linux-gnu
build=(cargo auditable build)
if ! command -v cargo-auditable >/dev/null; then
    echo "image: cargo-auditable $CARGO_AUDITABLE_VERSION is not installed: the binary will not list its dependencies" >&2
    build=(cargo build)
fi
# A folder of its own, as a build holds the lock of its folder.
folder=${CARGO_TARGET_DIR:-target}/image
# With a target named, this concerns the binary alone, and nothing that runs while it is built.
export RUSTFLAGS="${RUSTFLAGS:-} -C target-feature=+crt-static"
"${build[@]}" --locked --target-dir "$folder" --profile "$profile" --target "$target" >&2
echo "$folder/$target/$profile/datadog-sidecar-injector"
