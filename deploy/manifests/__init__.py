"""What is repeated for each process, written from ``deploy/processes.py``: ``make manifests``.

Of docker-compose.yml the blocks between ``# made: …`` and ``# /made``, and all of ``deploy/k8s/base/services``.
"""
