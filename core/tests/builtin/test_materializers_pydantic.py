import datetime as dt
import math
import subprocess
import sys
from typing import Any, Generic, TypeVar

import pydantic
import pytest

from zen.builtin.materializers.pydantic import PydanticMaterializer
from zen.errors import MaterializerError
from zen.testing.artifacts import FolderReader, round_trip, save

T = TypeVar("T")


class Base(pydantic.BaseModel):
    x: int


class Wide(Base):
    y: int = 0


class Settings(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)
    learning_rate: float = pydantic.Field(alias="learningRate")
    started: dt.datetime
    nested: dict[str, Base | None] = {}
    text: pydantic.Json[Any] = None

    @pydantic.computed_field
    @property
    def double(self) -> float:
        return 2 * self.learning_rate


class Holder(pydantic.BaseModel):
    anything: Any = None
    base: Base | None = None
    number: float = 0.0
    secret: pydantic.SecretStr | None = None
    left_out: int = pydantic.Field(0, exclude=True)
    _private: int = pydantic.PrivateAttr(0)


class Numbers(pydantic.RootModel[list[int]]):
    pass


class Box(pydantic.BaseModel, Generic[T]):
    content: T


def _private() -> Holder:
    holder = Holder()
    holder._private = 1
    return holder


SETTINGS = Settings(
    learningRate=0.1, started=dt.datetime(2024, 1, 1, tzinfo=dt.UTC), nested={"a": Base(x=1)}, text="[1]"
)


@pytest.mark.parametrize("value", [SETTINGS, Numbers([1, 2]), Base(x=1), Wide(x=1, y=2)], ids=lambda value: type(value))
def test_models_come_back(value):
    loaded = round_trip(PydanticMaterializer(), value)
    assert loaded == value
    assert type(loaded) is type(value)


def test_a_fresh_process_loads_models(define):
    models = define("""
        import pydantic
        class Part(pydantic.BaseModel):
            x: int
        class Whole(pydantic.BaseModel):
            parts: dict[str, Part]
    """)
    whole = models.Whole(parts={"a": models.Part(x=1)})
    assert round_trip(PydanticMaterializer(), whole, fresh_process=True) == whole


def _local():
    class Local(pydantic.BaseModel):
        pass

    return Local()


LOSSY = {
    "tuple": Holder(anything=(1, 2)),
    "subclass": Holder(base=Wide(x=1, y=2)),
    "nan": Holder(number=math.nan),
    "secret": Holder(secret="hunter2"),
    "excluded": Holder(left_out=1),
    "private": _private(),
    "object": Holder(anything=object()),
    "local": _local(),
    "generic": Box[int](content=1),
}


@pytest.mark.parametrize("name", LOSSY)
@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_what_would_be_lost_is_refused(name):
    with pytest.raises(MaterializerError) as caught:
        save(PydanticMaterializer(), LOSSY[name])
    assert f"the pydantic model {__name__}." in caught.value.message
    assert "hunter2" not in str(caught.value)


def test_a_model_that_has_changed_is_a_clear_error_without_the_value(tmp_path):
    reader = save(PydanticMaterializer(), Base(x=1), tmp_path)
    (tmp_path / "data").chmod(0o644)
    (tmp_path / "data").write_text('{"x": "hunter2"}')
    with pytest.raises(
        MaterializerError, match="Base refuses the stored value: x: Input should be a valid int"
    ) as caught:
        PydanticMaterializer().load(reader)
    assert "hunter2" not in str(caught.value)


def test_a_type_that_is_no_model_is_refused(tmp_path):
    save(PydanticMaterializer(), Base(x=1), tmp_path)
    label = tmp_path / "zen-artifact.json"
    label.write_text(label.read_text().replace(f"{Base.__module__}.Base", "builtins.int"))
    with pytest.raises(MaterializerError, match="int is not a pydantic model"):
        PydanticMaterializer().load(FolderReader(tmp_path))


def test_the_materializer_does_not_import_pydantic():
    code = "import sys, zen.builtin.materializers.pydantic; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_fields_are_described():
    assert PydanticMaterializer().describe(Wide(x=1)) == {"fields": ["x", "y"]}
