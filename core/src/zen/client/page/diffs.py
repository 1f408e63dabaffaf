"""The source of runs against that of the first, as colored lines with their numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from zen.client.comparison import FileDiff, SourceDiff
from zen.client.page.text import badge, text

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@(.*)")
_OPEN_LINES = 200  # diffs of more lines are folded


def code(sources: Sequence[SourceDiff]) -> str:
    """Return what differs in the source, for each run but the first."""
    if not any(diff.files or diff.note for diff in sources):
        return '<p class="empty">The same in all runs.</p>'
    alike: dict[tuple[tuple[FileDiff, ...], str], list[int]] = {}
    for diff in sources:
        alike.setdefault((diff.files, diff.note), []).append(diff.run)
    alone = len(sources) == 1
    return "".join(_source(files, note, [] if alone else runs) for (files, note), runs in alike.items())


def _source(files: Sequence[FileDiff], note: str, runs: Sequence[int]) -> str:
    title = f'<h3 class="pair">{badge(0)}<span>→</span>{"".join(map(badge, runs))}</h3>' if runs else ""
    told = f'<p class="note">{text(note)}</p>' if note else "" if files else '<p class="empty">The same.</p>'
    lines = sum(file.added + file.removed for file in files)
    return f"{title}{''.join(_file(file, folded=lines > _OPEN_LINES) for file in files)}{told}"


def _file(file: FileDiff, *, folded: bool) -> str:
    counts = f'<span class="plus">+{file.added}</span> <span class="minus">−{file.removed}</span>' if file.diff else ""
    change = "" if file.change == "changed" else f'<span class="mark soft">{file.change}</span>'
    note = f'<span class="soft">{text(file.note)}</span>' if file.note else ""
    head = f"<code>{text(file.name)}</code>{change}{note}<span class=counts>{counts}</span>"
    if not file.diff:
        return f'<div class="file"><div class="head">{head}</div></div>'
    is_open = "" if folded else " open"
    return f'<details class="file"{is_open}><summary class="head">{head}</summary>{_diff(file.diff)}</details>'


def _diff(diff: str) -> str:
    """Return the lines of a unified diff with their numbers in both versions."""
    old = new = 0
    rows = []
    for line in diff.split("\n")[2:]:
        hunk = _HUNK.fullmatch(line)
        if hunk:
            old, new = int(hunk[1]), int(hunk[2])
            rows.append(f'<tr class="hunk"><td colspan="3">{text(line)}</td></tr>')
            continue
        kind = {"+": "add", "-": "del", "\\": "hunk"}.get(line[:1], "")
        left, right = (old if kind in ("del", "") else ""), (new if kind in ("add", "") else "")
        old, new = old + (kind in ("del", "")), new + (kind in ("add", ""))
        rows.append(f'<tr class="{kind}"><td>{left}</td><td>{right}</td><td>{text(line)}</td></tr>')
    return f'<div class="scroll"><table class="diff">{"".join(rows)}</table></div>'
