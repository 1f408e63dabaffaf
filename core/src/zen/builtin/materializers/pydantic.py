"""Pydantic models as JSON, by their own dump and validation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from zen.builtin.materializers.plain import type_name
from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer


class PydanticMaterializer(Materializer):
    """Saves instances of `pydantic.BaseModel`. Never imports pydantic: who has an instance has imported it.

    A model is read back and compared before it is accepted, because a dump can lose something: secrets are masked,
    excluded and private fields are left out, subclasses in a field are cut down to the field's type.
    """

    format: ClassVar[str] = "pydantic-json"

    def save(self, value: Any, writer: ArtifactWriter) -> None:
        """Write the model as its own JSON, by alias and in the form that validation takes back."""
        cls = type(value)
        if "<locals>" in cls.__qualname__ or "[" in cls.__qualname__:
            raise _error(cls, "cannot be found again by its name", "make it a named class at the top level of a module")
        try:
            text = value.model_dump_json(by_alias=True, round_trip=True)
            same = cls.model_validate_json(text) == value
        except Exception as error:  # serializers and validators of the model are the user's code
            raise _error(cls, f"does not come back from its own JSON: {_first_line(error)}", _ADVICE) from error
        if not same:
            raise _error(cls, "comes back from its own JSON as another value", _ADVICE)
        writer.write(text.encode())

    def load(self, reader: ArtifactReader) -> Any:
        """Return a validated instance."""
        cls: Any = reader.resolve(reader.type)
        if not hasattr(cls, "model_validate_json"):
            raise _error(cls, "is not a pydantic model", "")
        try:
            return cls.model_validate_json(reader.read())
        except Exception as error:  # validators of the model are the user's code
            advice = "the class has changed since the value was saved: load it with that version of the class"
            raise _error(cls, f"refuses the stored value: {_first_line(error)}", advice) from error

    def describe(self, value: Any) -> Mapping[str, Any]:
        """Return the names of the fields."""
        return {"fields": list(type(value).model_fields)}


_ADVICE = "look for secret, excluded or private fields, and for subclasses in fields (pydantic.SerializeAsAny)"


def _error(cls: type, what: str, hint: str) -> MaterializerError:
    return MaterializerError(f"the pydantic model {type_name(cls)} {what}", hint=hint, type=type_name(cls))


def _first_line(error: Exception) -> str:
    """Return what kind of fault it is without its values: a validation error quotes the input, perhaps a secret."""
    errors = getattr(error, "errors", None)
    if callable(errors) and hasattr(error, "error_count"):
        first = errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc'])) or 'the model'}: {first['msg']}"
    return type(error).__name__
