"""The kit: what a service of any kind stands on. It knows Kafka, stores, HTTP and processes, and nothing of what
services are about.
"""
