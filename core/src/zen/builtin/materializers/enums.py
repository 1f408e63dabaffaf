"""Members of enumerations, by name."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, ClassVar

from zen.builtin.materializers.plain import decode_json, encode_json, type_name
from zen.errors import MaterializerError, listing, nearest
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer


class EnumMaterializer(Materializer):
    """Saves members of `enum.Enum` by name, and combined flags by the names of their members."""

    format: ClassVar[str] = "enum"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the name as JSON."""
        writer.write(encode_json(member_form(value)))

    def load(self, reader: ArtifactReader) -> enum.Enum:
        """Return the member of that name; its value is what the class gives it today."""
        return member(reader.resolve(reader.type), decode_json(reader.read()))

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the name."""
        return {"member": value.name}


def member_form(value: enum.Enum) -> Any:
    """Return the JSON form of a member: its name; for flags their names and the bits that have none.

    Raises:
        MaterializerError: For a member that its class does not know by name.
    """
    cls = type(value)
    if isinstance(value, enum.Flag):
        named = list(value)
        rest = value.value & ~sum(flag.value for flag in named)
        return {"flags": [flag.name for flag in named], **({"rest": rest} if rest else {})}
    if cls.__members__.get(value.name) is not value:
        raise MaterializerError(
            f"{value!r} is not a named member of {type_name(cls)}",
            hint="give it a name in the class",
            type=type_name(cls),
        )
    return value.name


def member(cls: type, form: Any) -> enum.Enum:
    """Return the member of an enumeration that has that JSON form.

    Raises:
        MaterializerError: When the class is no enumeration, or has no such member any more.
    """
    if not issubclass(cls, enum.Enum):
        raise MaterializerError(f"{type_name(cls)} is not an enumeration", type=type_name(cls))
    if isinstance(form, dict) and issubclass(cls, enum.Flag):
        try:
            value = int(form.get("rest", 0))
            for name in form.get("flags", ()):
                value |= _named(cls, name).value
            return cls(value)
        except MaterializerError:
            raise
        except (TypeError, ValueError) as error:
            raise MaterializerError(f"{type_name(cls)} refuses the flags {form}: {error}") from error
    return _named(cls, form)


def _named(cls: type[enum.Enum], name: Any) -> enum.Enum:
    try:
        return cls.__members__[name]
    except (KeyError, TypeError):
        known = cls.__members__
        raise MaterializerError(
            f"{type_name(cls)} has no member {name!r}; it has: {listing(known)}",
            hint=nearest(str(name), known) or "the class has changed since the value was saved: run that version of it",
            type=type_name(cls),
        ) from None
