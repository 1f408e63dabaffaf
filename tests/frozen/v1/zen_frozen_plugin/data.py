from zen.errors import ComponentError
from zen.interfaces import DataValidator, FeatureStore
from zen.records import CheckResult, ValidationResult
from zen_frozen_plugin.journal import note


class FrozenValidator(DataValidator):
    rules = frozenset({"not_null", "in_range"})
    capabilities = frozenset({"profile"})

    def accepts(self, data):
        return isinstance(data, list)

    def validate(self, data, expectations):
        note("data_validator", f"validate {len(expectations)}")
        return ValidationResult(results=tuple(self._check(data, each) for each in expectations))

    def _check(self, data, expectation):
        values = [row.get(expectation.column) for row in data]
        if expectation.rule == "not_null":
            bad = [value for value in values if value is None]
        elif expectation.rule == "in_range":
            low, high = expectation.arguments["low"], expectation.arguments["high"]
            bad = [value for value in values if value is not None and not low <= value <= high]
        else:
            raise ComponentError(f"cannot check {expectation.rule!r}")
        return CheckResult(
            rule=expectation.rule,
            column=expectation.column,
            passed=not bad,
            unexpected=len(bad),
            total=len(values),
            sample=tuple(bad[:3]),
        )

    def profile(self, data):
        return {"rows": len(data)}


class FrozenFeatures(FeatureStore):
    capabilities = frozenset({"online"})

    def features(self):
        return {"warmth": "How warm it is"}

    def historical(self, names, entities, at):
        note("feature_store", f"historical {list(names)} {len(entities)}")
        return [{**entity, **{name: time.year / 1000 for name in names}} for entity, time in zip(entities, at)]

    def online(self, names, entities):
        return [{**entity, **dict.fromkeys(names, 1.0)} for entity in entities]
