import json

from zen.errors import MaterializerError
from zen.interfaces import ArtifactReader, ArtifactWriter, Materializer
from zen_frozen_plugin.journal import note


class Temperature:
    def __init__(self, degrees):
        self.degrees = degrees


class TemperatureMaterializer(Materializer):
    format = "frozen-temperature"
    version = 1

    def save(self, value, writer: ArtifactWriter) -> None:
        if not isinstance(value.degrees, float):
            raise MaterializerError("degrees are a float")
        writer.write(json.dumps({"degrees": value.degrees}).encode())
        with writer.open("unit") as file:
            file.write(b"C")
        note("materializer", f"save {value.degrees}")

    def load(self, reader: ArtifactReader):
        assert (reader.format, reader.version) == ("frozen-temperature", 1)
        assert sorted(reader.names) == ["data", "unit"]
        assert reader.path("unit").read_bytes() == b"C"
        found = reader.resolve(reader.type)(json.loads(reader.read())["degrees"])
        note("materializer", f"load {found.degrees}")
        return found

    def describe(self, value):
        return {"degrees": value.degrees}
