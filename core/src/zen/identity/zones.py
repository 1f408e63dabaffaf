"""Time zones as plain data: fixed offsets stand in the ISO text of a time, zones with rules go by their name."""

from __future__ import annotations

import datetime as dt


def zone_key(zone: dt.tzinfo | None) -> str:
    """Return the name of a zone with rules (`Europe/Berlin`), or an empty string for no zone or a fixed offset.

    Raises:
        TypeError: For a zone that is neither: other code's class may carry anything.
    """
    cls = type(zone)
    if zone is None or cls is dt.timezone:
        return ""
    # By name: zoneinfo is imported by those who use it, and not for every run.
    key = getattr(zone, "key", None) if (cls.__module__, cls.__qualname__) == ("zoneinfo", "ZoneInfo") else None
    if type(key) is not str:
        raise TypeError(f"the time zone {zone!r} is not plain data")
    return key


def zone(key: str) -> dt.tzinfo:
    """Return the zone of that name.

    Raises:
        ValueError: When this machine's time zone data does not have it.
    """
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(key)
    except (LookupError, OSError, ValueError) as error:  # OSError: the key names a folder
        raise ValueError(f"the time zone {key!r} is not known here; `pip install tzdata` has them all") from error
