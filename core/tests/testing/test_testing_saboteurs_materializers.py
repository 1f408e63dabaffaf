"""The law of the suite of materializers: a fake with one defect fails exactly the check of that defect."""

from __future__ import annotations

import base64
import collections
import json
import pickle
import time
import uuid

import pytest

from zen.interfaces import Materializer
from zen.registry import Registry
from zen.registry.catalog import TYPES, Catalog, PluginEntry
from zen.testing import MaterializerSuite, run_checks
from zen.testing.plugin_checks import DistributionChecks

pytestmark = pytest.mark.slow


class Numbers(list):
    pass


class ListMaterializer(Materializer):
    """A correct materializer of lists."""

    format = "zen-testing-list"

    def save(self, value, writer):
        writer.write(json.dumps(self.form(value)).encode())

    def form(self, value):
        return list(value)

    def load(self, reader):
        return reader.resolve(reader.type)(json.loads(reader.read()))

    def describe(self, value):
        return {"length": len(value)}


class ListSuite(MaterializerSuite):
    materializer = ListMaterializer

    def values(self):
        return {"plain": [3, 1, 2], "empty": [], "large": list(range(400_000)), "subclass": Numbers([1])}


class Formatless(ListMaterializer):
    format = ""


class Cropping(ListMaterializer):
    def form(self, value):
        return value[:399_999]


class Typeless(ListMaterializer):
    def load(self, reader):
        return json.loads(reader.read())


class Remembering(ListMaterializer):
    memory: dict[str, object] = {}

    def save(self, value, writer):
        name = uuid.uuid4().hex
        self.memory[name] = value
        writer.write(name.encode().ljust(1 << 20 if len(value) > 1000 else 1))

    def load(self, reader):
        return self.memory[reader.read().decode().strip()]


class Timed(ListMaterializer):
    def save(self, value, writer):
        super().save(value, writer)
        writer.write(str(time.monotonic_ns()).encode(), "saved-at")


class Hashing(ListMaterializer):
    def save(self, value, writer):
        super().save(value, writer)
        writer.write(str(hash("zen")).encode(), "hash")


class Pickling(ListMaterializer):
    def save(self, value, writer):
        writer.write(pickle.dumps(list(value)))

    def load(self, reader):
        return reader.resolve(reader.type)(pickle.loads(reader.read()))


class Hiding(ListMaterializer):
    def save(self, value, writer):
        super().save(value, writer)
        writer.write(base64.b64encode(pickle.dumps(collections.OrderedDict)), "extra")

    def load(self, reader):
        pickle.loads(base64.b64decode(reader.read("extra")))
        return super().load(reader)


class Objects(ListMaterializer):
    def describe(self, value):
        return {"value": object()}


class Mutating(ListMaterializer):
    def describe(self, value):
        value.append(0)
        return {}


class Second(ListMaterializer):
    version = 2


class Short(ListSuite):
    def values(self):
        return {"plain": [1], "empty": [], "large": [1, 2, 3], "subclass": Numbers([1])}


class Unsaid(ListSuite):
    def values(self):
        return {"plain": [1], "empty": [], "large": list(range(400_000))}


class Chaotic(ListSuite):
    lacks = {"deterministic": "names are random"}


class Unregistered(ListMaterializer):
    pass


MATERIALIZERS = {
    "no format": (ListSuite, Formatless, "format_has_name_and_version"),
    "not registered": (ListSuite, Unregistered, "types_are_registered"),
    "no large value": (Short, ListMaterializer, "awkward_values_are_given"),
    "no word about subclasses": (Unsaid, ListMaterializer, "awkward_values_are_given"),
    "crops": (ListSuite, Cropping, "values_come_back"),
    "loses the type": (ListSuite, Typeless, "values_come_back"),
    "keeps values in the process": (Chaotic, Remembering, "fresh_process_loads_values"),
    "writes the time": (ListSuite, Timed, "equal_values_give_equal_bytes"),
    "writes hashes": (ListSuite, Hashing, "equal_values_give_equal_bytes"),
    "pickles": (ListSuite, Pickling, "safe_format_has_no_pickle"),
    "hides a pickle": (ListSuite, Hiding, "safe_format_has_no_pickle"),
    "describes with objects": (ListSuite, Objects, "description_is_plain"),
    "changes the value": (ListSuite, Mutating, "saving_leaves_the_value_alone"),
    "forgets old versions": (ListSuite, Second, "released_versions_load"),
}
OWN = [name for name in MaterializerSuite.names() if name not in set(DistributionChecks.names())]


def _materialized(suite, materializer, tmp_path):
    value = f"{materializer.__module__}:{materializer.__qualname__}"
    entry = PluginEntry(group=TYPES, name="builtins.list", value=value, distribution="zen-plugin-testing", version="1")
    catalog = Catalog(entries=() if materializer is Unregistered else (entry,))
    named = type(suite.__name__, (suite,), {"materializer": materializer})
    return run_checks(named, tmp_path=tmp_path, only=OWN, registry=Registry(catalog))


def test_a_correct_materializer_passes_all(tmp_path):
    outcomes = _materialized(ListSuite, ListMaterializer, tmp_path)
    assert {name: each.message for name, each in outcomes.items() if not each.passed} == {
        "test_released_versions_load": "there is one version of the format"
    }


@pytest.mark.parametrize("defect", MATERIALIZERS)
def test_a_saboteur_of_materializers_fails_its_check_only(defect, tmp_path):
    suite, materializer, check = MATERIALIZERS[defect]
    outcomes = _materialized(suite, materializer, tmp_path)
    assert [name for name, each in outcomes.items() if each.failed] == [f"test_{check}"]


def test_each_check_of_a_materializer_has_a_saboteur():
    assert {f"test_{check}" for _, _, check in MATERIALIZERS.values()} == set(OWN)
