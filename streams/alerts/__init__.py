"""Thresholds judged over a snapshot's exact numbers."""
