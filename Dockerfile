# segue in an image of its own: one static program, CA certificates, licences.
#     docker build -t segue .
#     docker run --rm -e DATABASE_URL -v "$PWD/migrations:/app/migrations:ro" segue plan
# For an application's own image see docs/install.md.

FROM rust:1.95-slim-bookworm AS build

# pg_query is C in part, and its bindings are made by libclang.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libclang-dev musl-tools python3 \
    && rm -rf /var/lib/apt/lists/*
RUN rustup target add "$(uname -m)-unknown-linux-musl"

WORKDIR /src
COPY . .
# A release's own date, for files that are the same however often they are made.
ARG SOURCE_DATE_EPOCH=0
RUN scripts/package "$(uname -m)-unknown-linux-musl" \
    && scripts/image-root "target/dist/$(scripts/package --name "$(uname -m)-unknown-linux-musl")" /image

FROM scratch

LABEL org.opencontainers.image.title="segue" \
      org.opencontainers.image.description="Applies plain SQL migrations to PostgreSQL without stopping the application" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"

COPY --from=build /image /

# Where migrations and segue.toml are looked for.
WORKDIR /app
# No root, in numbers: Kubernetes' runAsNonRoot cannot look names up.
USER 65532:65532
ENTRYPOINT ["/segue"]
CMD ["--help"]
