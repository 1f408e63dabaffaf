"""What data validators and feature stores can get wrong, and the check that finds it."""

from dataclasses import replace
from html import unescape

from zen.records import ValidationResult
from zen.testing import DataValidatorSuite, FeatureStoreSuite, MemoryFeatureStore, MemoryValidator
from zen.testing.data import DAY, START


class Tables(DataValidatorSuite):
    flavor = "memory"

    def suite(self, kit):
        return {"id": lambda number: number > 0, "age": lambda years: years is None or years <= 120}


class Features(FeatureStoreSuite):
    flavor = "memory"

    def fill(self, kit, component):
        component.put(self.feature, self.entity, START, 30)
        component.put(self.feature, self.entity, START + 10 * DAY, 31)


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
        return replace(result, passed=False) if result.column == "id" and any(values) else result


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


class Silent(Changing):
    def change(self, result, values):
        return replace(result, message="")


class Sampleless(Changing):
    def change(self, result, values):
        return replace(result, sample=())


class WithoutBounds(MemoryValidator):
    """Takes what lies at a bound for what lies beyond."""

    def _result(self, data, expectation):
        given = {n: v + 1e-6 if n == "low" and v is not None else v for n, v in expectation.arguments.items()}
        return super()._result(data, replace(expectation, arguments=given))


class WithoutOpenSides(MemoryValidator):
    def _result(self, data, expectation):
        given = {n: 0 if n == "high" and v is None else v for n, v in expectation.arguments.items()}
        result = super()._result(data, replace(expectation, arguments=given))
        return replace(result, column=expectation.column)


class MissingIsZero(MemoryValidator):
    def _result(self, data, expectation):
        if expectation.rule == "mean_in_range" and any(row.get(expectation.column) for row in data):
            data = [{name: value or 0 for name, value in row.items()} for row in data]
        return super()._result(data, expectation)


class MissingHasAShare(MemoryValidator):
    def _result(self, data, expectation):
        if expectation.rule == "shares_near" and any(row.get(expectation.column) for row in data):
            data = [{name: value or "missing" for name, value in row.items()} for row in data]
        return super()._result(data, expectation)


class TakesTheLowerValue(MemoryValidator):
    """Takes the value below a quantile."""

    def _result(self, data, expectation):
        name = expectation.column
        if expectation.rule == "quantile_in_range" and (there := sorted(row[name] for row in data if row.get(name))):
            position = int(expectation.arguments["quantile"] * (len(there) - 1))
            data = [{name: there[position]}]
        return super()._result(data, expectation)


class PassesOverUnnamed(MemoryValidator):
    """Looks at the named values only."""

    def _result(self, data, expectation):
        named = expectation.arguments.get("shares", {})
        if expectation.rule == "shares_near" and set(named) & {row.get(expectation.column) for row in data}:
            data = [row for row in data if row[expectation.column] in {*named, None}]
        return super()._result(data, expectation)


class TextsRaise(Changing):
    def change(self, result, values):
        if result.rule.endswith("in_range") and any(isinstance(value, str) for value in values):
            raise TypeError("'<' not supported between instances of 'str' and 'int'")
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


class WithoutFacts(MemoryValidator):
    def profile(self, data):
        return {"rows": len(data), "columns": {name: {"type": "text"} for name in data[0]}}


class OfThePopulation(MemoryValidator):
    """Divides by n where n - 1 is right."""

    def profile(self, data):
        profile = super().profile(data)
        profile["columns"]["age"]["std"] = 8.98
        return profile


class FromElsewhere(MemoryValidator):
    def report(self, result):
        return super().report(result) + '<script src="https://cdn.example.org/plots.js"></script>'


class StyledFromElsewhere(MemoryValidator):
    def report(self, result):
        return super().report(result) + "<style>@import url(//cdn.example.org/style.css);</style>"


class NoPage(MemoryValidator):
    def report(self, result):
        return super().report(result).removeprefix("<!doctype html>")


class WithoutRules(MemoryValidator):
    def report(self, result):
        return super().report(replace(result, results=[replace(each, rule="") for each in result.results]))


class Unescaped(MemoryValidator):
    def report(self, result):
        return unescape(super().report(result))


class TakesAnySuite(MemoryValidator):
    def accepts_suite(self, suite):
        return True


class TakesNoSuite(MemoryValidator):
    def accepts_suite(self, suite):
        return False


class WavesThrough(MemoryValidator):
    def validate_suite(self, data, suite):
        results = super().validate_suite(data, suite).results
        return ValidationResult(results=tuple(replace(each, passed=True) for each in results))


class NoPlainSuiteSample(MemoryValidator):
    def validate_suite(self, data, suite):
        results = super().validate_suite(data, suite).results
        return ValidationResult(results=tuple(replace(each, sample=(1j,)) for each in results))


class SuiteSpoilsTheTable(MemoryValidator):
    def validate_suite(self, data, suite):
        result = super().validate_suite(data, suite)
        data.clear()
        return result


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
        "test_a_failure_tells_people": (Silent, Sampleless),
        "test_bounds_are_included": (WithoutBounds, WithoutOpenSides),
        "test_missing_values_are_left_out": (MissingIsZero, MissingHasAShare),
        "test_quantiles_are_interpolated": TakesTheLowerValue,
        "test_unnamed_values_count_together": PassesOverUnnamed,
        "test_a_rule_that_does_not_fit_fails": TextsRaise,
        "test_results_stand_in_order": Sorting,
        "test_the_table_stays_as_it_is": SpoilsTheTable,
        "test_a_missing_column_fails_its_checks": (MissingIsFine, MissingRaises),
        "test_odd_tables_are_taken": EmptyIsWrong,
        "test_what_is_no_table_is_refused": TakesAnything,
        "test_results_are_plain": NoPlainSample,
        "test_a_profile_counts": Miscounting,
        "test_a_profile_knows_the_numbers": (WithoutFacts, OfThePopulation),
        "test_a_report_stands_alone": (FromElsewhere, StyledFromElsewhere, NoPage),
        "test_a_report_shows_the_checks": WithoutRules,
        "test_a_report_escapes_markup": Unescaped,
        "test_suites_of_the_tool_are_known": (TakesAnySuite, TakesNoSuite),
        "test_suites_of_the_tool_judge": (WavesThrough, NoPlainSuiteSample),
        "test_suites_of_the_tool_leave_the_table": SuiteSpoilsTheTable,
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
