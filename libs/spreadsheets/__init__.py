"""From bytes to rows and back: CSV and Excel files of strangers, within limits; refusals are ``Unreadable`` by code.

Knows nothing of HTTP, Kafka or databases.
"""
