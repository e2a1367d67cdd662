"""The numbers again, recomputed the plain way: dictionaries, Decimal and Fraction, and nothing of ``streams``."""
