# The image: one static binary and nothing else.
#   docker build --build-arg VERSION=$(cargo pkgid | cut -d'#' -f2) -t datadog-sidecar-injector .
ARG RUST_VERSION=1.95.0
FROM rust:${RUST_VERSION}-slim-bookworm AS build
WORKDIR /src
COPY rust-toolchain.toml versions.env ./
RUN . ./versions.env && cargo install --locked --debug --quiet "cargo-auditable@$CARGO_AUDITABLE_VERSION"
COPY Cargo.toml Cargo.lock build.rs ./
COPY image image
COPY src src
# Nothing that is tested is in the image; cargo wants to see that it is there.
RUN mkdir -p tests/it tests/e2e tests/node && touch tests/it/main.rs tests/e2e/main.rs tests/node/main.rs
RUN cp "$(image/binary.sh)" /datadog-sidecar-injector

FROM scratch
ARG VERSION
LABEL org.opencontainers.image.title="datadog-sidecar-injector" \
      org.opencontainers.image.description="Adds the Datadog Agent sidecar to pods on EKS Fargate" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
COPY --from=build /datadog-sidecar-injector /datadog-sidecar-injector
USER 65532:65532
ENTRYPOINT ["/datadog-sidecar-injector"]
