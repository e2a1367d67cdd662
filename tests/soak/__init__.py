"""Hours of load with faults on Apache Kafka: ``python -m tests.soak.run``."""
