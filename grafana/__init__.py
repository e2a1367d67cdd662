"""Dashboards as code: what Grafana shows of CityPulse's metrics. Imports only ``schemas``."""
