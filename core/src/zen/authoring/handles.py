"""What a step returns while a pipeline is traced: a stand-in for a value that does not exist yet."""

from __future__ import annotations

from typing import Any, NoReturn

from zen.errors import TracingError


class StepHandle:
    """A traced step. It can be waited for with `after=`, and nothing else.

    Attributes:
        step: The name of the step in this pipeline.
    """

    __slots__ = ("step",)

    def __init__(self, step: str) -> None:
        self.step = step

    def __repr__(self) -> str:
        return f"<step {self.step!r} of the pipeline that is being traced>"


class OutputHandle(StepHandle):
    """An output of a traced step. It can be passed to other steps, alone or inside lists, tuples and mappings.

    Attributes:
        output: The name of the output.
        annotation: What the step declares about it.
    """

    __slots__ = ("annotation", "output")

    def __init__(self, step: str, output: str, annotation: Any) -> None:
        super().__init__(step)
        self.output = output
        self.annotation = annotation

    def __repr__(self) -> str:
        return f"<output {self.output!r} of step {self.step!r}>"

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name)
        _refuse(self, f"its attribute {name!r} was read")

    def __bool__(self) -> NoReturn:
        _refuse(self, "it was used as a condition")

    def __iter__(self) -> NoReturn:
        _refuse(
            self,
            "it was iterated over or unpacked",
            hint="a step that returns several values declares them:"
            ' -> tuple[Annotated[A, "a"], Annotated[B, "b"]]; looping over a value belongs into a step',
        )

    def __len__(self) -> NoReturn:
        _refuse(self, "its length was asked for")

    __next__ = __reversed__ = __iter__

    def __getitem__(self, key: Any, *value: Any) -> NoReturn:
        _refuse(self, f"it was indexed with {key!r}")

    __setitem__ = __delitem__ = __getitem__

    def __contains__(self, item: Any) -> NoReturn:
        _refuse(self, "something was looked for in it")

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse(self, "it was called")

    def __enter__(self) -> NoReturn:
        _refuse(self, "it was used in a with statement")

    def __exit__(self, *exception: object) -> None:
        """Never called: `__enter__` refuses."""

    def __bytes__(self) -> NoReturn:
        _refuse(self, "it was converted to bytes")

    def __format__(self, spec: str) -> NoReturn:
        _refuse(self, "it was put into a text")

    def __str__(self) -> NoReturn:
        _refuse(self, "it was put into a text")

    def __int__(self) -> NoReturn:
        _refuse(self, "it was converted to a number")

    __float__ = __index__ = __complex__ = __int__

    def __round__(self, digits: int | None = None) -> NoReturn:
        _refuse(self, "it was converted to a number")

    def _compare(self, other: object) -> NoReturn:
        _refuse(self, "it was compared")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compare
    __hash__ = object.__hash__

    def _compute(self, *others: Any) -> NoReturn:
        _refuse(self, "it was computed with")

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = _compute
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = __matmul__ = __rmatmul__ = _compute
    __divmod__ = __rdivmod__ = __lshift__ = __rlshift__ = __rshift__ = __rrshift__ = _compute
    __and__ = __rand__ = __or__ = __ror__ = __xor__ = __rxor__ = __neg__ = __pos__ = __abs__ = __invert__ = _compute


def _refuse(handle: OutputHandle, what: str, hint: str = "") -> NoReturn:
    raise TracingError(
        f"output {handle.output!r} of step {handle.step!r} has no value yet, and {what}",
        hint=hint or "a pipeline function only connects steps: move what needs the value into a step",
        step=handle.step,
        output=handle.output,
    )
