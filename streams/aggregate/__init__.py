"""Pure aggregation: events to deltas, deltas to totals. No clock, network, file or log in here."""
