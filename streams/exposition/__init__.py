"""What a worker shows: /metrics, the HTTP API and the page, all built from one snapshot of the board."""
