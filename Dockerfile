# The server in a container: docker-compose.yml shows it with its database.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY Cargo.toml Cargo.lock ./
COPY config config
COPY migrations migrations
COPY crates crates
COPY bench bench
COPY tests tests
RUN cargo build --release --locked --package vitrine

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin vitrine
COPY --from=build /src/target/release/vitrine /usr/local/bin/vitrine
# Whom to trust behind an upstream's https:// URL.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# The defaults, where an own file can be mounted over them.
COPY config/vitrine.toml /etc/vitrine/vitrine.toml
USER vitrine
# Within a container the loopback reaches nobody.
ENV VITRINE_SERVER_LISTEN=0.0.0.0:8899
EXPOSE 8899
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["vitrine", "healthcheck"]
ENTRYPOINT ["vitrine"]
CMD ["serve"]
