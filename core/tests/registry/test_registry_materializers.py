"""Which materializer saves a value, and which may load recorded bytes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from zen.errors import AmbiguousFlavor, PluginLoadError

if TYPE_CHECKING:
    from conftest import Site

SOURCE = """
    from zen.interfaces import Materializer

    class Frame: pass
    class Wide(Frame): pass
    class Outer:
        class Inner: pass

    class FrameMaterializer(Materializer):
        format = "frame"
        def save(self, value, writer): pass
        def load(self, reader): pass

    class Half(Materializer):
        def save(self, value, writer): pass

    class Failing(FrameMaterializer):
        def __init__(self): raise RuntimeError("no")
"""


def install(site: Site, distribution: str = "zen-plugin-acme", **types: str) -> None:
    package = distribution.replace("-", "_")
    named = {name.replace("__", "."): value for name, value in types.items()}
    site.install(distribution, groups={"zen.types.v1": named}, modules={f"{package}.frames": SOURCE})


def test_materializer_is_that_of_the_nearest_class(site: Site) -> None:
    install(site, zen_plugin_acme__frames__Frame="zen_plugin_acme.frames:FrameMaterializer")
    from zen_plugin_acme.frames import Outer, Wide

    registry = site.registry()
    found = registry.materializer(Wide)
    assert type(found).__name__ == "FrameMaterializer"
    assert registry.materializer(Wide) is found
    assert registry.materializer(Outer.Inner) is None


def test_materializer_of_a_nested_class_goes_by_its_qualified_name(site: Site) -> None:
    install(site, zen_plugin_acme__frames__Outer__Inner="zen_plugin_acme.frames:FrameMaterializer")
    from zen_plugin_acme.frames import Outer

    assert site.registry().materializer(Outer.Inner) is not None


def test_materializer_for_other_types_imports_nothing(site: Site) -> None:
    install(site, zen_plugin_acme__frames__Frame="zen_plugin_acme.frames:FrameMaterializer")
    assert site.registry().materializer(dict) is None
    assert "zen_plugin_acme" not in sys.modules


def test_materializer_of_two_distributions_has_no_winner(site: Site) -> None:
    install(site, builtins__complex="zen_plugin_acme.frames:FrameMaterializer")
    install(site, "zen-plugin-other", builtins__complex="zen_plugin_other.frames:FrameMaterializer")
    with pytest.raises(AmbiguousFlavor, match=r"builtins\.complex .* zen-plugin-acme, zen-plugin-other"):
        site.registry().materializer(complex)
    assert site.registry(disabled=["zen-plugin-other"]).materializer(complex) is not None


def test_materializer_of_zen_cannot_be_taken_over_nor_can_everything(site: Site) -> None:
    site.install(
        "zen-hub",
        version="2.0",
        groups={"zen.types.v1": {"builtins.dict": "hub.frames:FrameMaterializer"}},
        modules={"hub.frames": SOURCE},
    )
    install(
        site,
        builtins__dict="zen_plugin_acme.frames:FrameMaterializer",
        builtins__object="zen_plugin_acme.frames:FrameMaterializer",
    )
    registry = site.registry()
    assert type(registry.materializer(dict)).__module__ == "hub.frames"
    assert registry.materializer(set) is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("zen_plugin_acme.frames:Half", "lacks: load"),
        ("zen_plugin_acme.frames:Frame", "not derived from zen.interfaces.Materializer"),
        ("zen_plugin_acme.frames:Failing", "RuntimeError: no"),
        ("zen_plugin_acme.frames:Missing", "has no 'Missing'"),
        ("zen_plugin_acme.frames", "is no class but module"),
        ("zen_plugin_acme.missing:M", "does not exist"),
    ],
)
def test_materializer_that_is_broken_is_named(site: Site, value: str, message: str) -> None:
    install(site, builtins__complex=value)
    with pytest.raises(PluginLoadError, match=message) as caught:
        site.registry().materializer(complex)
    assert "the materializer of 'builtins.complex' of zen-plugin-acme 1.0" in caught.value.message


def test_reference_is_found_as_declared_and_as_the_class_says_it(site: Site) -> None:
    site.install(
        "zen-plugin-acme",
        groups={"zen.types.v1": {"builtins.complex": "acme:Public [extra]"}},
        modules={"acme": "from acme_inner import FrameMaterializer as Public", "acme_inner": SOURCE},
    )
    site.install(
        "zen-plugin-other",
        groups={"zen.types.v1": {"builtins.bytes": "other.shop:Public"}},
        modules={"other.shop": "from other.inner import FrameMaterializer as Public", "other.inner": SOURCE},
    )
    registry = site.registry()
    assert registry.materializer_by_reference("acme:Public") is registry.materializer(complex)
    assert registry.materializer_by_reference("other.inner:FrameMaterializer") is registry.materializer(bytes)


def test_reference_that_nobody_registers_is_not_imported(site: Site) -> None:
    install(site, builtins__complex="zen_plugin_acme.frames:FrameMaterializer")
    with pytest.raises(PluginLoadError, match=r"'subprocess:Popen'; there are some in: zen_plugin_acme"):
        site.registry().materializer_by_reference("subprocess:Popen")
    assert "zen_plugin_acme" not in sys.modules
    with pytest.raises(PluginLoadError) as caught:
        site.registry().materializer_by_reference("zen_plugin_wide.frames:Wide")
    assert (caught.value.hint, caught.value.install) == ("`pip install zen-plugin-wide`", "zen-plugin-wide")
    with pytest.raises(PluginLoadError):
        site.registry().materializer_by_reference("zen_plugin_acme.frames:Failing")


def test_reference_of_a_disabled_plugin_says_so(site: Site) -> None:
    install(site, builtins__complex="zen_plugin_acme.frames:FrameMaterializer")
    with pytest.raises(PluginLoadError) as caught:
        site.registry(disabled=["zen-plugin-acme"]).materializer_by_reference(
            "zen_plugin_acme.frames:FrameMaterializer"
        )
    assert "is disabled" in caught.value.hint
    assert "zen_plugin_acme" not in sys.modules
