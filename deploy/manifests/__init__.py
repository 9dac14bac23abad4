"""What is repeated for each process, written from ``deploy/processes.py``: ``make manifests``.

Of docker-compose.yml the blocks between ``# made: …`` and ``# /made``, all of ``deploy/k8s/base/services``,
and how the consumers are scaled, in ``deploy/k8s/components/keda``.
"""
