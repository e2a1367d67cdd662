"""The contract of CityPulse: what an event, a topic, a metric, an area and a threshold are. Pure data and rules."""
