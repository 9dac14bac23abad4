"""Kafka as Leadflow uses it: subscribe, publish, retry, dead letter, health. FastStream underneath.

A message is consumed at least once: do the work, publish, then commit the offset. The un-acked message is
the retry, so every handler is safe to run twice.
"""
