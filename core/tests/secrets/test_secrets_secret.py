"""Secrets by reference: no value is in them, and none comes out of them but by `resolve`."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zen.identity import canonical, to_plain
from zen.secrets import REFERENCE, Secret

URL = Secret("postgresql://zen:${secret:env/PW}@db/${secret:file/name}?again=${secret:env/PW}")
LONE = Secret("${secret:env/PW}")


def test_references_are_listed_in_order_each_once():
    assert URL.references == ("env/PW", "file/name")
    assert LONE.references == ("env/PW",)


def test_resolve_puts_values_in_the_place_of_references():
    assert (
        URL.resolve({"env/PW": r"\1${x}", "file/name": "n"}.__getitem__) == r"postgresql://zen:\1${x}@db/n?again=\1${x}"
    )
    assert LONE.resolve(str.upper) == "ENV/PW"


@pytest.mark.parametrize("text", ["", "hunter2", "${env:PW}", "${secret:}", "${secret:env/PW", "secret:env/PW"])
def test_a_literal_is_refused_and_not_repeated(text):
    with pytest.raises(ValueError, match="by reference") as caught:
        Secret(text)
    assert text not in str(caught.value) or not text


@pytest.mark.parametrize("show", [repr, str, "{}".format, "%s".__mod__, lambda secret: f"{secret!r:>3}"])
def test_nothing_but_the_references_is_shown(show):
    shown = show(URL)
    assert "env/PW" in shown
    assert "postgresql" not in shown


_names = st.text(min_size=1).filter(lambda name: "}" not in name)


@given(st.lists(_names, min_size=1, max_size=3), st.text().filter(lambda text: not REFERENCE.search(text)))
def test_json_comes_back_the_same(names, text):
    secret = Secret(text.join(f"${{secret:{name}}}" for name in names))
    data = json.loads(json.dumps(secret.to_json()))
    assert set(data) == {"$secret"}
    assert Secret.from_json(data) == secret


def test_json_of_a_lone_reference_is_its_name():
    assert LONE.to_json() == {"$secret": "env/PW"}


def test_secret_is_equal_by_its_text_and_hashable():
    assert {Secret("${secret:a}"): 1}[Secret("${secret:a}")] == 1
    assert Secret("${secret:a}") != Secret("${secret:b}")
    assert Secret("${secret:a}") != "${secret:a}"


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda secret: pickle.loads(pickle.dumps(secret))])
def test_copies_are_references_too(copied):
    assert copied(URL) == URL


def test_secret_is_no_plain_data():
    """So it never gets into a cache key, a parameter or a log of parameters by accident."""
    for function in (to_plain, canonical):
        with pytest.raises(TypeError):
            function({"url": LONE})
    with pytest.raises(TypeError):
        json.dumps(LONE)


def test_repr_of_a_configuration_shows_no_text_around_references():
    @dataclasses.dataclass
    class Config:
        url: Secret

    assert repr(Config(URL)) == f"{Config.__qualname__}(url=Secret(env/PW, file/name))"


class Model(pydantic.BaseModel):
    token: Secret
    other: Secret | None = None


@pytest.mark.parametrize("given", [LONE, "${secret:env/PW}", {"$secret": "env/PW"}])
def test_pydantic_takes_references(given):
    model = Model(token=given)
    assert model.token == LONE
    assert model.model_dump() == {"token": {"$secret": "env/PW"}, "other": None}
    assert Model.model_validate_json(model.model_dump_json()) == model


@pytest.mark.parametrize("given", ["hunter2", 5, None, {"$secret": "a", "b": 1}, {"secret": "a"}, ["${secret:a}"]])
def test_pydantic_refuses_anything_else(given):
    with pytest.raises(pydantic.ValidationError, match="by reference"):
        Model(token=given)


def test_pydantic_describes_it_as_a_text():
    assert Model.model_json_schema()["properties"]["token"]["type"] == "string"
