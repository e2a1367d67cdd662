"""Verification: the numbers recounted from the records by other code than the workers', and the two laid side by side.

Nothing here imports the rest of ``streams``: a mistake there must not be made here again.
"""
