"""The laws of estimators: they predict the same after loading, equal ones give equal bytes, and no file runs code."""

import functools
import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import skops.io
from sklearn import (
    cluster,
    compose,
    decomposition,
    ensemble,
    impute,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.datasets import make_classification
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

from zen.errors import MaterializerError
from zen.testing.artifacts import FolderReader, round_trip, save
from zen_plugin_sklearn.archive import canonical
from zen_plugin_sklearn.estimators import EstimatorMaterializer

X, Y = make_classification(60, 6, random_state=0)


class Doubler(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return 2 * X


def double(X):
    return 2 * X


ESTIMATORS = {
    "logistic": linear_model.LogisticRegression(C=0.5),
    "sgd": linear_model.SGDClassifier(random_state=0),
    "tree": tree.DecisionTreeClassifier(random_state=0),
    "forest": ensemble.RandomForestClassifier(5, random_state=0),
    "boosting": ensemble.GradientBoostingClassifier(n_estimators=3, random_state=0),
    "histogram boosting": ensemble.HistGradientBoostingClassifier(max_iter=3),
    "stacking": ensemble.StackingClassifier([("a", naive_bayes.GaussianNB())]),
    "neighbors": neighbors.KNeighborsClassifier(3),
    "network": neural_network.MLPClassifier((4,), max_iter=5, random_state=0),
    "vectors": svm.SVC(random_state=np.random.RandomState(3)),
    "gauss": GaussianProcessClassifier(),
    "search": GridSearchCV(linear_model.LogisticRegression(), {"C": [0.1, 1.0]}, scoring=make_scorer(f1_score), cv=2),
    "pipeline": pipeline.make_pipeline(
        impute.SimpleImputer(),
        preprocessing.FunctionTransformer(np.log1p),
        preprocessing.FunctionTransformer(np.nan_to_num),
        compose.ColumnTransformer([("s", preprocessing.StandardScaler(), [0, 1]), ("p", "passthrough", slice(2, 6))]),
        preprocessing.SplineTransformer(n_knots=3),
        SelectKBest(k=4),
        decomposition.PCA(2, random_state=0),
        linear_model.RidgeClassifier(),
    ),
    "clusters": cluster.BisectingKMeans(2, random_state=0),
}
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning"),
]


@functools.cache
def _fitted(name):
    return ESTIMATORS[name].fit(X, Y)


@pytest.mark.parametrize("name", ESTIMATORS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_estimators_predict_the_same_after_loading(name):
    loaded = round_trip(EstimatorMaterializer(), _fitted(name))
    assert type(loaded) is type(_fitted(name))
    np.testing.assert_array_equal(loaded.predict(X), _fitted(name).predict(X))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_loading_and_saving_again_gives_the_same_bytes(name):
    reader = save(EstimatorMaterializer(), _fitted(name))
    assert save(EstimatorMaterializer(), EstimatorMaterializer().load(reader)).read() == reader.read()


FRESH = """if True:
    import sys
    from pathlib import Path
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from zen.testing.artifacts import FolderReader, save
    from zen_plugin_sklearn.estimators import EstimatorMaterializer
    def train():
        model = make_pipeline(TfidfVectorizer(), RandomForestClassifier(3, random_state=0))
        return model.fit(["a word", "another word", "words again"], [0, 1, 0])
    if __name__ == "__main__":
        folder = Path(sys.argv[1])
        save(EstimatorMaterializer(), train(), folder / "trained")
        save(EstimatorMaterializer(), EstimatorMaterializer().load(FolderReader(folder / "saved")), folder / "loaded")
"""


def test_another_process_trains_and_loads_the_same_bytes(tmp_path):
    names: dict = {"__name__": "fresh"}
    exec(FRESH, names)
    expected = save(EstimatorMaterializer(), names["train"](), tmp_path / "saved").read()
    subprocess.run([sys.executable, "-c", FRESH, tmp_path], check=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    assert FolderReader(tmp_path / "trained").read() == expected
    assert FolderReader(tmp_path / "loaded").read() == expected


def test_text_models_come_back():
    texts = ["a word", "another word", "words again"]
    model = pipeline.make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), naive_bayes.MultinomialNB()).fit(
        texts, [0, 1, 0]
    )
    np.testing.assert_array_equal(
        round_trip(EstimatorMaterializer(), model).predict_proba(texts), model.predict_proba(texts)
    )


def test_shared_parts_stay_shared():
    scaler = preprocessing.StandardScaler()
    loaded = round_trip(EstimatorMaterializer(), pipeline.Pipeline([("a", scaler), ("b", scaler)]))
    assert loaded.steps[0][1] is loaded.steps[1][1]


def test_an_unfitted_estimator_comes_back():
    assert round_trip(EstimatorMaterializer(), svm.SVC(C=3.0)).get_params() == svm.SVC(C=3.0).get_params()


OWN = {
    "transformer": (pipeline.make_pipeline(Doubler(), svm.SVC()), "test_sklearn_estimators.Doubler"),
    "estimator": (Doubler(), "test_sklearn_estimators.Doubler"),
    "function": (preprocessing.FunctionTransformer(double), "test_sklearn_estimators.double"),
    "lambda": (preprocessing.FunctionTransformer(lambda x: x), "test_sklearn_estimators.<lambda>"),
    "partial": (preprocessing.FunctionTransformer(functools.partial(np.clip, a_min=0)), "functools.partial"),
    "system": (preprocessing.FunctionTransformer(os.system), "posix.system"),
    "file": (preprocessing.FunctionTransformer(np.load), "numpy.load"),
    "distribution": (RandomizedSearchCV(svm.SVC(), {"C": scipy.stats.uniform()}), "scipy.stats._"),
}


@pytest.mark.parametrize("name", OWN)
def test_what_is_not_of_scikit_learn_is_refused_when_it_is_saved(name):
    value, culprit = OWN[name]
    with pytest.raises(MaterializerError, match="holds what is not scikit-learn's own") as caught:
        save(EstimatorMaterializer(), value)
    assert any(culprit in kind for kind in caught.value.types)
    assert "write a materializer" in caught.value.hint


@pytest.mark.parametrize("value", [cluster.Birch(), preprocessing.FunctionTransformer(svm.SVC().fit)], ids=type)
def test_what_skops_cannot_save_is_refused(value):
    with pytest.raises(MaterializerError, match="skops cannot save a sklearn"):
        save(EstimatorMaterializer(), value)


def _node(loader, name, **more):
    module, _, cls = name.rpartition(".")
    return {"__loader__": loader, "__module__": module, "__class__": cls, **more}


def _text(value):
    return _node("JsonNode", "builtins.str", content=json.dumps(value), is_json=True)


def _tuple(*items):
    return _node("TupleNode", "builtins.tuple", content=list(items))


def _dict(content, keys=None):
    keys = keys or [_node("TypeNode", "builtins.str") for _ in content]
    return _node(
        "DictNode", "builtins.dict", content=content, key_types=_node("ListNode", "builtins.list", content=keys)
    )


def _hostile(marker):
    touch = f"import os; os.mkdir({str(marker)!r})\ndef _parse_args(*a): pass\n_parse_args_stats = _parse_args_rvs = _parse_args"
    state = _dict({"_parse_arg_template": _text(touch)})
    named = str(marker)
    return {
        "distribution": _node("ObjectNode", "scipy.stats._distn_infrastructure.rv_sample", content=state),
        "constructor": _node(
            "ConstructorFromReduceNode",
            "numpy.memmap",
            content=_tuple(_text(named), _text("uint8"), _text("w+"), _text(0), _text(1)),
        ),
        "key": _dict({named: _text(1)}, [_node("FunctionNode", "os.mkdir")]),
        "numpy key": _dict({named: _text(1)}, [_node("FunctionNode", "numpy.DataSource")]),
        "list": _node("ListNode", "numpy.f2py.run_main", content=[_text("--help")]),
        "posix": _node("ConstructorFromReduceNode", "posix.mkdir", content=_tuple(_text(named))),
        "method": _node(
            "MethodNode",
            "sklearn.svm._classes.SVC",
            content={"func": "fit", "obj": _node("ObjectNode", "sklearn.svm._classes.SVC")},
        ),
        "partial": _node(
            "PartialNode",
            "functools.partial",
            content={
                "func": _node("FunctionNode", "os.mkdir"),
                "args": _tuple(),
                "kwds": _dict({}),
                "namespace": _text(None),
            },
        ),
        "listener": _node("ObjectNode", "sklearn.callback._scoring_monitor.ScoringMonitor", content=_dict({})),
        "loss": _node("LossNode", "numpy.memmap", __reduce__={"args": _tuple(_text(named))}, content=_dict({})),
        "array": _node("NdArrayNode", "numpy.fromfile", type="numpy", file="0.npy"),
        "cover": _tuple(
            _node("FunctionNode", "numpy.mean"), _dict({named: _text(1)}, [_node("FunctionNode", "numpy.mean")])
        ),
        "generator": _node(
            "RandomGeneratorNode",
            "numpy.random._generator.Generator",
            content={
                "bit_generator": _dict({"bit_generator": _text("seed")}),
                "seed_seq": _dict({"entropy": _text(1)}),
            },
        ),
        "unknown node": _node("SystemNode", "sklearn.svm._classes.SVC"),
        "no node": {"__loader__": 3},
    }


HOSTILE = sorted(_hostile(""))


def _packed(schema, protocol=2):
    data = io.BytesIO()
    array = io.BytesIO()
    np.save(array, np.array("x"))
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("schema.json", json.dumps({**schema, "protocol": protocol, "_skops_version": "0.13"}))
        archive.writestr("0.npy", array.getvalue())
    return data.getvalue()


@pytest.fixture
def stored(tmp_path):
    reader = save(EstimatorMaterializer(), svm.SVC(), tmp_path / "artifact")
    reader.path().chmod(0o644)
    return reader


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_before_it_does_anything(name, stored, tmp_path):
    stored.path().write_bytes(_packed(_hostile(tmp_path / "marker")[name]))
    with pytest.raises(MaterializerError, match="cannot be loaded" if " node" in name else "holds what is not"):
        EstimatorMaterializer().load(stored)
    assert not (tmp_path / "marker").exists()


def test_the_hostile_distribution_would_run_code_if_it_were_trusted(tmp_path):
    data = _packed(_hostile(tmp_path / "marker")["distribution"])
    skops.io.loads(data, trusted=skops.io.get_untrusted_types(data=data))
    assert (tmp_path / "marker").exists()


def test_another_protocol_is_refused(stored):
    node = _node("FunctionNode", "numpy.mean", content={"module_path": "os", "function": "mkdir"})
    for protocol in (0, 1, True, None, 10**6):
        stored.path().write_bytes(_packed(node, protocol))
        with pytest.raises(MaterializerError, match="the file has the skops protocol"):
            EstimatorMaterializer().load(stored)


def test_what_is_no_estimator_is_refused(stored):
    stored.path().write_bytes(_packed(_node("FunctionNode", "numpy.mean")))
    with pytest.raises(MaterializerError, match="not an estimator"):
        EstimatorMaterializer().load(stored)


@pytest.mark.parametrize("data", [b"", b"junk", b"PK\x05\x06" + bytes(18), canonical(skops.io.dumps(svm.SVC()))[:-30]])
def test_a_damaged_file_is_a_clear_error(data, stored):
    stored.path().write_bytes(data)
    with pytest.raises(MaterializerError, match="cannot be loaded"):
        EstimatorMaterializer().load(stored)


def test_a_pickle_in_place_of_the_file_is_not_loaded(stored, tmp_path):
    stored.path().write_bytes(b"cos\nmkdir\n(V" + str(tmp_path / "marker").encode() + b"\ntR.")
    with pytest.raises(MaterializerError):
        EstimatorMaterializer().load(stored)
    assert not Path(tmp_path / "marker").exists()


def test_class_parameters_and_classes_are_described():
    facts = EstimatorMaterializer().describe(_fitted("logistic"))
    assert facts["class"] == "sklearn.linear_model._logistic.LogisticRegression"
    assert facts["params"]["C"] == 0.5
    assert facts["n_features_in"] == 6
    assert facts["classes"] == [0, 1]
    assert json.dumps(EstimatorMaterializer().describe(_fitted("pipeline")))
    assert "classes" not in EstimatorMaterializer().describe(svm.SVC())
