# The same Debian as the image below: a venv holds links to its Python and code built for it.
FROM debian:13-slim@sha256:3a39a0592364683e6bab97937b72cad5a8fa6dcbbee90edb3bb48c7f8e94f258 AS build

RUN apt-get update \
    && apt-get install --no-install-recommends --yes python3-venv \
    && rm -rf /var/lib/apt/lists/*

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

# What builds stays in a venv of its own; the function's has neither pip nor a build backend.
WORKDIR /src
COPY .ci/build.lock requirements.lock ./
RUN python3 -m venv /build \
    && /build/bin/pip install --require-hashes -r build.lock \
    && python3 -m venv --without-pip /venv \
    && /build/bin/pip --python /venv/bin/python install --no-compile --only-binary :all: \
        --require-hashes -r requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY function function
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
    && /build/bin/pip --python /venv/bin/python install --no-compile --no-deps /dist/*.whl

# At run time nothing can be written, so the bytecode is made here. It holds for these very files:
# no time stamps to compare, nor to keep while the image is copied about.
RUN /venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /venv/lib

FROM gcr.io/distroless/python3-debian13:nonroot@sha256:f3d5ddc6c64a019fe520e7f005f2880be21e6afc461b10a3c15ef2e4edc71e33 AS image

LABEL org.opencontainers.image.title="function-modelrouter" \
    org.opencontainers.image.description="A Crossplane composition function that turns a ModelRouter into a LiteLLM gateway on Kubernetes." \
    org.opencontainers.image.licenses="Apache-2.0"

# The path is that of the build stage: a venv does not move.
COPY --from=build /venv /venv
# Whatever user the container is given may be here; the base image's home is nonroot's alone.
WORKDIR /
# By number: Kubernetes cannot tell from a name that a user is not root.
USER 65532:65532
EXPOSE 9443 8080
ENV METRICS_ADDRESS=:8080
ENTRYPOINT ["/venv/bin/modelrouter", "serve"]
