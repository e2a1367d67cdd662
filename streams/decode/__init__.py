"""Kafka records to events or rejections: pure, total, and the same answer every time."""

from streams.decode.decoder import Decoder

__all__ = ["Decoder"]
