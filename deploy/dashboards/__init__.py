"""The dashboards of people on call, as code: what each panel asks of the table of metrics, and why somebody looks.

``panels.py`` says what a panel is, ``all_services.py``, ``one_service.py`` and ``one_import.py`` which there are,
``grafana.py`` makes Grafana's JSON of them. ``make manifests`` writes it, for compose and for Kubernetes.
"""
