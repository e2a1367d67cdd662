"""The reference, where tests look for it. It is part of the package, for ``citypulse verify``, in ``streams.verify``.

It recomputes the numbers the plain way: dictionaries, Decimal and Fraction, and nothing of the rest of ``streams``.
Its own tests are in ``tests/unit/reference``.
"""
