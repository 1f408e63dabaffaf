"""Estimators keep the promises of materializers."""

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from zen.testing import MaterializerSuite
from zen_plugin_sklearn.estimators import EstimatorMaterializer

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).random((40, 3))
Y = (X.sum(axis=1) > 1.5).astype(int)


class TestEstimators(MaterializerSuite):
    materializer = EstimatorMaterializer

    def values(self):
        many = np.random.default_rng(0).random((1 << 16, 3))
        return {
            "logistic": LogisticRegression().fit(X, Y),
            "empty": LogisticRegression(C=0.5),
            "large": KNeighborsClassifier(algorithm="brute").fit(many, many[:, 0] > 0.5),
            "subclass": RandomForestClassifier(3, random_state=0).fit(X, Y),
        }

    def equal(self, one, other):
        if repr(one.get_params()) != repr(other.get_params()):
            return False
        return not hasattr(one, "classes_") or np.array_equal(one.predict_proba(X), other.predict_proba(X))
