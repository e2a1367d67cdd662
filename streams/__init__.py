"""CityPulse's engine: Kafka events in, exact metrics out."""
