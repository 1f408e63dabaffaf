"""scikit-learn estimators as artifacts of zen."""
