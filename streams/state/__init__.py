"""Durable state: the state log, its owners' checkpoints, and the board that every worker reads."""
