"""Between Kafka and the rest: clients, topics and the embedded broker."""
