"""Canonical encoding, digests, and plain data as JSON. Pure: no I/O, no globals."""

from zen.identity.encoding import SCHEME, canonical, digest, digest_bytes
from zen.identity.plain import JSON, dumps, from_plain, is_plain, to_plain

__all__ = ["JSON", "SCHEME", "canonical", "digest", "digest_bytes", "dumps", "from_plain", "is_plain", "to_plain"]
