# syntax=docker/dockerfile:1.7
# One image for API, worker and one-shots (target `runtime`, the default); the emulators have one of their own (target `dev`).
ARG PYTHON_IMAGE=python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
# Wheels only, but for pyvips, which has none: it is Python, and its libvips is a wheel. (pip's variables cannot say both.)
ENV WHEELS="--only-binary :all: --no-binary pyvips"
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# The environment that ships has no pip in it.
RUN python -m venv /opt/build \
    && python -m venv --without-pip /opt/venv \
    && /opt/build/bin/pip install $WHEELS --no-deps --require-hashes -r requirements-build.lock \
    && /opt/build/bin/pip --python /opt/venv/bin/python install $WHEELS --no-deps --require-hashes -r requirements.lock
COPY pyproject.toml README.md worker.py ./
COPY activities activities
COPY adapters adapters
COPY api api
COPY config config
COPY models models
COPY workflows workflows
RUN /opt/build/bin/pip wheel . --no-deps --no-build-isolation --wheel-dir /dist \
    && /opt/build/bin/pip --python /opt/venv/bin/python install --no-deps --no-index /dist/*.whl

FROM build AS dev-build
COPY requirements-dev.lock ./
RUN /opt/build/bin/pip --python /opt/venv/bin/python install $WHEELS --no-deps --require-hashes -r requirements-dev.lock

FROM ${PYTHON_IMAGE} AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MALLOC_MMAP_THRESHOLD_=1000000
# The last one gives the memory of pictures back as soon as they are done with: 30 uploads at once leave 450 MB behind, not 670.
RUN groupadd --gid 10001 app \
    && useradd --uid 10001 --gid app --no-create-home --home-dir /tmp --shell /usr/sbin/nologin app
WORKDIR /app

FROM base AS dev
COPY --from=dev-build /opt/venv /opt/venv
COPY dev dev
# A named volume that is mounted here takes over the owner.
RUN install --directory --owner=app --group=app /data
USER 10001:10001
CMD ["python", "-m", "dev.emulators", "--host", "0.0.0.0", "--data", "/data"]

FROM base AS runtime
COPY --from=build /opt/venv /opt/venv
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
# X-Forwarded-For is read by the app itself, as far as API_TRUSTED_PROXIES goes. Open requests wait for a workflow for
# API_UPDATE_WAIT at most, so a stopping process gives them longer than that.
CMD ["uvicorn", "api.app:create", "--factory", "--host", "0.0.0.0", "--port", "8000", "--no-access-log", "--no-proxy-headers", \
     "--no-server-header", "--timeout-graceful-shutdown", "30"]
