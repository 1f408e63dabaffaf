"""What data validators and feature stores can get wrong, and the check that finds it."""

from dataclasses import replace

from zen.testing import DataValidatorSuite, FeatureStoreSuite, MemoryFeatureStore, MemoryValidator
from zen.testing.data import DAY, START


class Tables(DataValidatorSuite):
    flavor = "memory"


class Features(FeatureStoreSuite):
    flavor = "memory"


class UnknownRule(MemoryValidator):
    rules = MemoryValidator.rules | {"is_pretty"}


class Changing(MemoryValidator):
    """Changes each result of a rule about a column that is there."""

    def _result(self, data, expectation):
        result = super()._result(data, expectation)
        column = expectation.column
        return self.change(result, [row[column] for row in data]) if column in data[0] else result


class TooStrict(Changing):
    def change(self, result, values):
        return replace(result, passed=False) if result.rule == "unique" else result


class TooLax(Changing):
    def change(self, result, values):
        return replace(result, passed=True) if result.rule == "unique" else result


class Nameless(Changing):
    def change(self, result, values):
        return result if result.passed else replace(result, column="")


class Countless(Changing):
    def change(self, result, values):
        return replace(result, unexpected=0, total=0)


class EmptyIsWrong(Changing):
    def change(self, result, values):
        return replace(result, passed=result.passed and any(value is not None for value in values))


class NoPlainSample(Changing):
    def change(self, result, values):
        return replace(result, sample=tuple(map(complex, range(result.unexpected))))


class Sorting(MemoryValidator):
    def validate(self, data, expectations):
        return super().validate(data, sorted(expectations, key=lambda each: each.rule))


class SpoilsTheTable(MemoryValidator):
    def validate(self, data, expectations):
        result = super().validate(data, expectations)
        data[0]["age"] = 0
        return result


class MissingIsFine(MemoryValidator):
    def _result(self, data, expectation):
        result = super()._result(data, expectation)
        return replace(result, passed=result.passed or expectation.column == "nowhere")


class MissingRaises(MemoryValidator):
    def _result(self, data, expectation):
        return (expectation.column and data[0][expectation.column] and None) or super()._result(data, expectation)


class TakesAnything(MemoryValidator):
    def accepts(self, data):
        return True


class Miscounting(MemoryValidator):
    def profile(self, data):
        return {**super().profile(data), "rows": 1000}


class FromElsewhere(MemoryValidator):
    def report(self, result):
        return super().report(result) + '<script src="https://cdn.example.org/plots.js"></script>'


class Unexplained(MemoryFeatureStore):
    def features(self):
        return dict.fromkeys(super().features(), "")


class SeesTheFuture(MemoryFeatureStore):
    def historical(self, names, entities, at):
        return super().historical(names, entities, [START + 100 * DAY] * len(entities))


class WithoutKeys(MemoryFeatureStore):
    def historical(self, names, entities, at):
        return [{name: row[name] for name in names} for row in super().historical(names, entities, at)]


class UnknownIsEmpty(MemoryFeatureStore):
    def historical(self, names, entities, at):
        return super().historical([name for name in names if name in self.features()], entities, at)


class OldValues(MemoryFeatureStore):
    def online(self, names, entities):
        return self.historical(names, entities, [START + DAY] * len(entities))


SABOTEURS = {
    Tables: {
        "test_rules_are_known": UnknownRule,
        "test_data_that_meets_a_rule_passes": TooStrict,
        "test_data_that_breaks_a_rule_fails": TooLax,
        "test_a_failure_names_rule_and_column": Nameless,
        "test_a_failure_counts_the_rows": Countless,
        "test_results_stand_in_order": Sorting,
        "test_the_table_stays_as_it_is": SpoilsTheTable,
        "test_a_missing_column_fails_its_checks": (MissingIsFine, MissingRaises),
        "test_odd_tables_are_taken": EmptyIsWrong,
        "test_what_is_no_table_is_refused": TakesAnything,
        "test_results_are_plain": NoPlainSample,
        "test_a_profile_counts": Miscounting,
        "test_a_report_stands_alone": FromElsewhere,
    },
    Features: {
        "test_features_are_listed": Unexplained,
        "test_values_are_those_of_their_time": SeesTheFuture,
        "test_rows_stand_in_order": WithoutKeys,
        "test_an_unknown_feature_is_refused": UnknownIsEmpty,
        "test_online_gives_the_newest": OldValues,
    },
}


def test_a_defect_fails_its_check_alone(trial, suite, check, saboteur):
    assert trial.failed(suite, saboteur) == [check]


def test_correct_ones_pass(trial):
    assert trial.skipped(Tables, MemoryValidator) == {}
    assert trial.skipped(Features, MemoryFeatureStore) == {}


def test_every_check_has_a_saboteur(trial):
    assert {suite: set(rows) for suite, rows in SABOTEURS.items()} == {suite: trial.own(suite) for suite in SABOTEURS}
