# docker build -t redis-proxy .                  the service: the binary and libhiredis
# docker build --target test -t redis-proxy-test .   the tests: `docker run` runs them
FROM debian:bookworm-slim AS builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make libhiredis-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /redis-proxy
COPY Makefile VERSION ./
COPY scripts scripts
COPY include include
COPY src src
# The commit is not here; `make build` says it.
ARG VERSION=
RUN make ${VERSION:+VERSION="$VERSION"} && install -s redis-proxy /usr/local/bin/redis-proxy

FROM builder AS test
RUN apt-get update \
 && apt-get install -y --no-install-recommends libgtest-dev redis-server curl libnss-wrapper python3-redis \
 && rm -rf /var/lib/apt/lists/*
COPY docs docs
COPY test test
COPY integration integration
RUN make tests
CMD ["make", "check"]

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libhiredis0.14 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=builder /usr/local/bin/redis-proxy /usr/local/bin/redis-proxy
USER 10001:10001
EXPOSE 8080
# Finds out for itself where the server listens, whatever flags it was given.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5s CMD ["redis-proxy", "-health"]
ENTRYPOINT ["redis-proxy"]
CMD ["-redis", "redis:6379", "-http", ":8080"]
