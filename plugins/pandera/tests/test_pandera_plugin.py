"""What the plugin imports, the page, and the profile."""

import subprocess
import sys

import pandas as pd
import polars as pl

from zen.records import CheckResult, ValidationResult
from zen_plugin_pandera.page import page
from zen_plugin_pandera.validator import PanderaValidator

IMPORTS = """
import sys
from zen_plugin_pandera.plugin import zen_flavors
from zen_plugin_pandera.validator import PanderaValidator
validator = PanderaValidator(None)
assert zen_flavors() and not validator.accepts([]) and not validator.accepts_suite({})
print(sorted({"numpy", "pandas", "pandera", "polars"} & set(sys.modules)))
"""


def test_nothing_is_imported_before_a_table_comes():
    assert subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True).stdout.strip() == "[]"


def test_frames_are_accepted():
    class Table(pd.DataFrame):
        pass

    accepts = PanderaValidator(None).accepts
    assert accepts(pd.DataFrame()) and accepts(Table()) and accepts(pl.DataFrame())
    assert not any(map(accepts, (pd.Series(dtype=float), pl.LazyFrame(), pd.DataFrame, {}, None)))


def test_the_page_shows_failures_first():
    good = CheckResult(rule="unique", column="id", passed=True, total=1000)
    bad = CheckResult(rule="in_range", column="größe", passed=False, unexpected=2, total=1000, sample=(-1, "<b>"))
    html = page(ValidationResult(results=(good, bad), statistics={"rows": 1000, "columns": 2}))
    assert '<h1 class="failed">1 of 2 checks failed</h1>\n<p>1,000 rows, 2 columns</p>' in html
    assert html.index("größe") < html.index("unique")
    assert "2 of 1,000" in html
    assert "-1, &#x27;&lt;b&gt;&#x27;" in html
    assert "All 0 checks passed" in page(ValidationResult())


def test_profiles_know_columns_of_all_types():
    table = pd.DataFrame(
        {
            "n": [1, 2, 3, 4],
            "x": [0.5, float("inf"), None, 1.5],
            "b": [True, False, True, True],
            "c": pd.Categorical(["a", "b", "a", None]),
            "at": pd.to_datetime(["2024-01-01", "2024-01-03", None, "2024-01-02"]),
            "l": [[1], [1], None, [2]],
            "none": [None] * 4,
            5: "ü",
        }
    )
    profile = PanderaValidator(None).profile(table)
    facts = profile["columns"]
    assert profile["rows"] == 4
    assert facts["n"] == {
        "type": "int64", "nulls": 0, "min": 1, "max": 4, "mean": 2.5, "std": 1.2909944487358056,
        "quantiles": {"0.25": 1.75, "0.5": 2.5, "0.75": 3.25},
    }  # fmt: skip
    assert (facts["x"]["nulls"], facts["x"]["min"], facts["x"]["max"], facts["x"]["mean"]) == (1, 0.5, 1.5, 1.0)
    assert facts["b"] == {"type": "bool", "nulls": 0, "distinct": 2, "top": [["True", 0.75], ["False", 0.25]]}
    assert facts["c"]["top"] == [["a", 2 / 3], ["b", 1 / 3]]
    assert (facts["at"]["min"], facts["at"]["max"]) == ("2024-01-01T00:00:00", "2024-01-03T00:00:00")
    assert facts["l"]["distinct"] == 2
    assert facts["none"] == {"type": "object", "nulls": 4}
    assert facts["5"]["top"] == [["ü", 1.0]]


def test_profiles_of_polars_have_its_types():
    facts = PanderaValidator(None).profile(pl.DataFrame({"n": [1, None, 3], "c": ["a", "a", "b"]}))["columns"]
    assert facts["n"]["type"] == "Int64"
    assert (facts["n"]["nulls"], facts["n"]["mean"]) == (1, 2.0)
    assert facts["c"] == {"type": "String", "nulls": 0, "distinct": 2, "top": [["a", 2 / 3], ["b", 1 / 3]]}
