# All that there is to do; `make` alone lists it.
.PHONY: help build check generate image test e2e bench fuzz lint clean

VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
IMAGE ?= datadog-sidecar-injector:$(VERSION)

help: ## Lists these
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Builds target/release/datadog-sidecar-injector
	cargo build --release --locked

check: ## Checks what an edit may break, in a minute or two: formatting, clippy, the tests of src and tests/it
	cargo fmt --check
	cargo clippy --quiet --locked --all-targets -- -D warnings
	cargo test --quiet --locked --lib --test it

# Only the tests that write: the others may fail in the middle of a change.
WRITERS := generated_files_are_up_to_date the_reference_page_is_up_to_date commands_print_what_the_transcripts_say

generate: ## Writes anew what is made from the code: chart, docs, deploy/; GOLDEN=1: and golden cases, CLUSTER=1: and what clusters print
	UPDATE_DOCS=1 cargo test --quiet --locked --test it -- $(WRITERS)
	deploy/render.sh
	$(if $(GOLDEN),UPDATE_GOLDEN=1 cargo test --quiet --locked --test it golden::)
	$(if $(CLUSTER),UPDATE_DOCS=1 tests/run.sh e2e documents)
	@git status --short

image: ## Builds the image as target/image.tar, without a container engine
	@image/archive.sh "$$(image/binary.sh)" target/image.tar $(IMAGE) \
		org.opencontainers.image.title=datadog-sidecar-injector org.opencontainers.image.version=$(VERSION) \
		org.opencontainers.image.licenses=Apache-2.0

test: ## Runs all tests that need no root, also those against a control plane, which is built once (eight minutes)
	@tests/run.sh all

e2e: ## Runs the tests against a control plane and on a real node, as root; some of them with T="name name", KUBERNETES=MINOR
	@tests/run.sh e2e,node $(T)

bench: ## Measures a decision, the server beside an echo and creations of pods, in a few minutes; docs/benchmarks.md has more
	cargo build --release --locked --manifest-path bench/Cargo.toml
	bench/target/release/decide --rounds 3 --reviews 200
	taskset -c 1 bench/target/release/compare --server "$$(image/binary.sh)" --rounds 11 --seconds 0.4 --starts 5
	CONTROL_PLANE_BIN="$$(tests/cluster/build.sh)" INJECTOR_BINARY="$$(realpath "$$(image/binary.sh)")" \
		bench/target/release/creation --rounds 400

fuzz: ## Sends made-up bytes through every door, a minute each; needs cargo-fuzz and a C++ compiler
	@fuzz/run.sh

lint: ## Checks formatting, clippy, documentation, scripts, the chart, the dependencies' licences
	@tests/lint.sh

clean: ## Removes what was built here; the control plane stays in its cache
	cargo clean
