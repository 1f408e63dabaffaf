"""Secrets by reference: what a configuration, a plan and a record hold instead of the value.

A `Secret` is a text with references in it, `${secret:env/PGPASSWORD}`, and is revealed only by the component that needs
it, through the host that it was lent:

    self.host.secrets.reveal(self.config.url)

It has no value of its own, so `repr`, `str`, JSON, pickles and logs cannot show one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

__all__ = ["REFERENCE", "Secret"]

REFERENCE = re.compile(r"\$\{secret:([^}]+)\}")


class Secret:
    """A text whose secret parts are references.

    Args:
        template: `${secret:env/NAME}`, or a text around such references (`postgresql://zen:${secret:env/PW}@db/zen`).

    Raises:
        ValueError: For a text without any reference: a literal is no secret any more.
    """

    __slots__ = ("template",)
    __module__ = "zen.secrets"  # where people import it from, and where earlier pickles look for it

    def __init__(self, template: str) -> None:
        if not REFERENCE.search(template):
            raise ValueError("a secret is given by reference, as ${secret:env/NAME} or ${secret:file/PATH}")
        self.template = template

    @property
    def references(self) -> tuple[str, ...]:
        """The names in it, such as `env/PGPASSWORD`, in order, each once."""
        return tuple(dict.fromkeys(REFERENCE.findall(self.template)))

    def resolve(self, get: Callable[[str], str]) -> str:
        """Return the text with each reference replaced by `get(name)`. The result is not to be kept or logged."""
        return REFERENCE.sub(lambda match: get(match.group(1)), self.template)

    def to_json(self) -> dict[str, str]:
        """Return `{"$secret": "env/NAME"}`, or the template where the reference stands inside a text."""
        whole = REFERENCE.fullmatch(self.template)
        return {"$secret": whole.group(1) if whole else self.template}

    @classmethod
    def from_json(cls, data: dict[str, str]) -> Secret:
        """Return the secret of that JSON form."""
        body = data["$secret"]
        return cls(body if REFERENCE.search(body) else f"${{secret:{body}}}")

    def __repr__(self) -> str:
        return f"Secret({', '.join(self.references)})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.template == self.template

    def __hash__(self) -> int:
        return hash(("zen.Secret", self.template))

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self.template,)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """Let pydantic configurations have fields of this type: references in, `{"$secret": …}` out."""
        from pydantic_core import core_schema

        def parse(value: Any) -> Secret:
            if isinstance(value, Secret):
                return value
            if isinstance(value, dict) and set(value) == {"$secret"}:
                return cls.from_json(value)
            if isinstance(value, str):
                return cls(value)
            raise ValueError("a secret is given by reference, as ${secret:env/NAME} or ${secret:file/PATH}")

        return core_schema.no_info_plain_validator_function(
            parse,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(Secret.to_json),
        )
