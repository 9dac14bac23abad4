"""The embedded local stack: real PostgreSQL, MongoDB and Kafka and every service, under one supervisor.

``python -m deploy.local`` is its command line (``make help`` shows the short forms). Everything that an
instance of the stack owns lives in ``.local/<stack>/`` of the checkout: data, logs, ports, secrets.
"""
