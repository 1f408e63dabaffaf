"""Secrets by reference, and the second wall: what keeps values that were resolved out of records and logs.

Plugins see `Secret`. What masks is for zen's own layers: `redaction` for texts and data, `recorded` for records,
`raised` for exceptions, `logged` for log records.
"""

from zen.secrets.reference import REFERENCE, Secret

__all__ = ["REFERENCE", "Secret"]
