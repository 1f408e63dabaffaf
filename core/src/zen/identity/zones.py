"""Time zones as plain data: fixed offsets stand in the ISO text of a time, zones with rules go by their name."""

from __future__ import annotations

import datetime as dt

_MICROSECOND = dt.timedelta(microseconds=1)


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


def zone_form(zone: dt.tzinfo | None) -> str | int | None:
    """Return a zone as `zone` reads it, or None where ISO text says it all.

    Raises:
        TypeError: As `zone_key`.
    """
    if type(zone) is dt.timezone:
        offset = zone.utcoffset(None)
        # Python reads an offset of less than a second back as none at all.
        return offset // _MICROSECOND if offset % dt.timedelta(seconds=1) else None
    return zone_key(zone) or None


def zone(form: str | int) -> dt.tzinfo:
    """Return the zone of that name, or with that offset in microseconds.

    Raises:
        ValueError: When this machine's time zone data does not have it.
    """
    if isinstance(form, int):
        return dt.timezone(form * _MICROSECOND)
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(form)
    except (LookupError, OSError, ValueError) as error:  # OSError: the name is one of a folder
        raise ValueError(f"the time zone {form!r} is not known here; `pip install tzdata` has them all") from error
