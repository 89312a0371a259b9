# The service in one image: no training dependencies, no compiler, no root.
#
#     docker build --tag unroll .        or: make image
#     docker build --tag unroll:gpu --build-arg EXTRA=gpu .
#
# Dependencies come from pyproject.toml and constraints.txt alone and lie in a layer of their own,
# so a change of code or of a model rebuilds in seconds.

ARG PYTHON_IMAGE=docker.io/library/python:3.11.14-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
WORKDIR /app
COPY pyproject.toml constraints.txt LICENSE ./
COPY client/pyproject.toml client/
# Extras of pyproject.toml: tracing, or gpu (the CUDA execution provider with its libraries, some
# 3 GB), or gpu,tracing.
ARG EXTRA=""
# As `make serve` does: the package is a pointer to /app, so it can be installed before its code is
# there. The real README, which the metadata asks for, would rebuild this layer at every edit.
RUN mkdir app client/unroll_client \
 && touch app/__init__.py README.md client/unroll_client/__init__.py client/README.md \
 && python -m venv --without-pip /opt/venv \
 && pip="python -m pip --python /opt/venv/bin/python --no-cache-dir --disable-pip-version-check" \
 && $pip install --constraint constraints.txt --editable ./client --editable ".${EXTRA:+[$EXTRA]}" \
 && case ",$EXTRA," in *,gpu,*) \
      $pip uninstall --yes onnxruntime onnxruntime-gpu \
   && $pip install --constraint constraints.txt --no-deps onnxruntime-gpu;; \
    esac
COPY LICENSE deploy/healthcheck.py /srv/
COPY app /srv/app
COPY client/unroll_client /srv/client/unroll_client
COPY models /models
# A checkout made under a strict umask must still be readable by the service's user.
RUN chmod -R go=rX /srv /models

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="unroll" \
      org.opencontainers.image.description="Serves recurrent neural networks over HTTP." \
      org.opencontainers.image.licenses="Apache-2.0"
# A fixed number, so that volumes and cluster policies can name the user.
RUN groupadd --gid 10001 unroll \
 && useradd --uid 10001 --gid 10001 --no-log-init --no-create-home --home-dir /nonexistent \
      --shell /usr/sbin/nologin unroll \
 && install --directory --owner 10001 --group 10001 --mode 700 /var/lib/unroll
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /models /app/models
COPY --from=builder /srv /app

# All files belong to root: the service can read what it runs and cannot change it. Streams are kept
# in a folder of its own.
WORKDIR /app
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORT_DISABLE_TELEMETRY=1 \
    UNROLL_HOST=0.0.0.0 \
    UNROLL_PORT=8000 \
    UNROLL_STREAMS_DIR=/var/lib/unroll
USER 10001:10001
# What cannot be imported fails the build and not the start.
RUN python -c "import app.main, app.http.server"
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "/app/healthcheck.py"]
ENTRYPOINT ["unroll"]
CMD ["serve"]
