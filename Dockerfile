# One image for every service and for the command `leadflow`; the command line chooses:
#   python -m services.dedup.main
#   leadflow migrate

ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
# Or msk: the runtime and Amazon's signer, for LEADFLOW_KAFKA_SASL_MECHANISM=AWS_MSK_IAM.
ARG REQUIREMENTS=runtime
# Wheels only, each checked against its hash: nothing is compiled, and no package runs code of its own here.
# Bytecode is compiled once, and is valid whatever the files' times: the running image is read-only.
COPY requirements/${REQUIREMENTS}.txt /build/requirements.txt
RUN python -m venv --without-pip /opt/leadflow \
    && pip --python /opt/leadflow/bin/python --disable-pip-version-check --no-cache-dir install \
        --no-compile --only-binary=:all: --require-hashes -r /build/requirements.txt \
    && python -m compileall -q --invalidation-mode unchecked-hash /opt/leadflow/lib
COPY libs /app/libs
COPY migrations /app/migrations
COPY services /app/services
RUN python -m compileall -q --invalidation-mode unchecked-hash /app

FROM ${PYTHON_IMAGE}
RUN python -m pip --disable-pip-version-check uninstall --yes --root-user-action=ignore pip setuptools wheel \
    && groupadd --gid 10001 leadflow \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin leadflow
COPY --from=builder /opt/leadflow /opt/leadflow
COPY --from=builder /app /app
COPY --chmod=755 <<EOF /opt/leadflow/bin/leadflow
#!/opt/leadflow/bin/python
from services.operator.main import app

app()
EOF
# Nothing but /tmp need be writable, and that only for api: it keeps uploads there while it reads them.
# In a container only its own network can reach the port, so the services listen on all of its addresses.
ENV PATH=/opt/leadflow/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LEADFLOW_HTTP_HOST=0.0.0.0 \
    LEADFLOW_HTTP_PORT=8080
WORKDIR /app
EXPOSE 8080
STOPSIGNAL SIGTERM
USER 10001:10001
CMD ["leadflow", "--help"]
