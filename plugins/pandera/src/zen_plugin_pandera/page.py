"""A result as one HTML page."""

from __future__ import annotations

from html import escape

from zen.records import CheckResult, ValidationResult
from zen_plugin_pandera.plain import shown

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: #1b1b1b; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid #ddd; }
td { overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
.passed { color: #1a7f37; } .failed { color: #c62828; font-weight: 600; }
@media (prefers-color-scheme: dark) { body { background: #161616; color: #e8e8e8; } th, td { border-color: #3a3a3a; }
.passed { color: #56d364; } .failed { color: #ff7b72; } }
"""


def page(result: ValidationResult) -> str:
    """Return a page with a row for each check, those that failed first."""
    failed = [each for each in result.results if not each.passed]
    passed = [each for each in result.results if each.passed]
    rows = "\n".join(map(_row, failed + passed))
    total = len(result.results)
    outcome = f"{len(failed)} of {total} checks failed" if failed else f"All {total} checks passed"
    size = ", ".join(f"{value:,} {name}" for name, value in result.statistics.items() if type(value) is int)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{outcome}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1 class="{"failed" if failed else "passed"}">{outcome}</h1>
<p>{escape(size)}</p>
<table>
<thead><tr><th>Outcome</th><th>Rule</th><th>Column</th><th class="number">Unexpected</th>
<th>What is wrong</th><th>Values</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
"""


def _row(check: CheckResult) -> str:
    outcome = "passed" if check.passed else "failed"
    counted = f"{check.unexpected:,} of {check.total:,}" if check.unexpected else ""
    texts = (check.rule, check.column)
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    values = escape(shown(check.sample))
    return (
        f'<tr><td class="{outcome}">{outcome}</td>{cells}<td class="number">{counted}</td>'
        f"<td>{escape(check.message)}</td><td>{values}</td></tr>"
    )
