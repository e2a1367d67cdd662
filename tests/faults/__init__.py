"""Faults under load, on Apache Kafka: ``python -m tests.faults.run``."""
