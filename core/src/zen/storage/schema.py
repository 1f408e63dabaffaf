"""The tables. Times are whole microseconds since 1970 UTC; JSON columns hold canonical ASCII JSON.

A released migration is never edited: the next change is the next number.
"""

from __future__ import annotations

from typing import Literal

from zen.interfaces import Migration
from zen.records import RUN_STATES, STEP_STATES
from zen.storage import invariants

_TYPES = {
    "sqlite": {"int": "INTEGER", "real": "REAL", "text": "TEXT", "blob": "BLOB", "end": ") STRICT"},
    # Compared byte by byte, as SQLite does, whatever the language of the database.
    "postgresql": {
        "int": "BIGINT",
        "real": "DOUBLE PRECISION",
        "text": 'TEXT COLLATE "C"',
        "blob": "BYTEA",
        "end": ")",
    },
}


def _one_of(states: tuple[str, ...]) -> str:
    return ", ".join(f"'{state}'" for state in states)


_TABLES = f"""
CREATE TABLE plan (
  digest {{text}} PRIMARY KEY,
  body {{text}} NOT NULL
{{end}};
CREATE TABLE run (
  id {{text}} PRIMARY KEY,
  name {{text}} NOT NULL,
  pipeline {{text}} NOT NULL,
  state {{text}} NOT NULL CHECK (state IN ({_one_of(RUN_STATES)})),
  stack {{text}} NOT NULL,
  plan {{text}} NOT NULL REFERENCES plan (digest),
  snapshot {{text}} NOT NULL,
  created_at {{int}} NOT NULL,
  started_at {{int}},
  finished_at {{int}},
  token {{text}} NOT NULL,
  stop {{text}} NOT NULL DEFAULT '',
  detail {{text}} NOT NULL
{{end}};
CREATE INDEX run_created ON run (created_at);
CREATE INDEX run_pipeline ON run (pipeline, created_at);
CREATE INDEX run_name ON run (name);
CREATE INDEX run_open ON run (state) WHERE state IN ('pending', 'running');
CREATE TABLE run_tag (
  run {{text}} NOT NULL REFERENCES run (id),
  tag {{text}} NOT NULL,
  PRIMARY KEY (run, tag)
{{end}};
CREATE INDEX run_tag_tag ON run_tag (tag);
CREATE TABLE step_run (
  id {{text}} PRIMARY KEY,
  run {{text}} NOT NULL REFERENCES run (id),
  name {{text}} NOT NULL,
  attempt {{int}} NOT NULL,
  state {{text}} NOT NULL CHECK (state IN ({_one_of(STEP_STATES)})),
  started_at {{int}},
  finished_at {{int}},
  token {{text}} NOT NULL,
  detail {{text}} NOT NULL,
  UNIQUE (run, name, attempt)
{{end}};
CREATE TABLE artifact (
  id {{text}} PRIMARY KEY,
  name {{text}} NOT NULL,
  version {{int}} NOT NULL,
  digest {{text}} NOT NULL,
  type {{text}} NOT NULL,
  manifest {{text}} NOT NULL,
  materializer {{text}} NOT NULL,
  run {{text}} NOT NULL,
  step_run {{text}} NOT NULL,
  output {{text}} NOT NULL,
  created_at {{int}} NOT NULL,
  detail {{text}} NOT NULL,
  UNIQUE (name, version)
{{end}};
CREATE INDEX artifact_created ON artifact (created_at);
CREATE INDEX artifact_run ON artifact (run);
CREATE TABLE edge (
  step_run {{text}} NOT NULL REFERENCES step_run (id),
  direction {{text}} NOT NULL CHECK (direction IN ('in', 'out')),
  slot {{text}} NOT NULL,
  position {{int}} NOT NULL,
  artifact {{text}} NOT NULL REFERENCES artifact (id),
  PRIMARY KEY (step_run, direction, slot, position)
{{end}};
CREATE INDEX edge_artifact ON edge (artifact);
CREATE TABLE object (
  digest {{text}} PRIMARY KEY,
  size {{int}} NOT NULL,
  data {{blob}} NOT NULL
{{end}};
CREATE TABLE cache_entry (
  key {{text}} PRIMARY KEY,
  step_run {{text}} NOT NULL REFERENCES step_run (id),
  created_at {{int}} NOT NULL
{{end}};
CREATE TABLE param (
  step_run {{text}} NOT NULL REFERENCES step_run (id),
  key {{text}} NOT NULL,
  value {{text}} NOT NULL,
  PRIMARY KEY (step_run, key)
{{end}};
CREATE TABLE metric (
  step_run {{text}} NOT NULL REFERENCES step_run (id),
  seq {{int}} NOT NULL,
  key {{text}} NOT NULL,
  value {{text}} NOT NULL,
  step {{int}},
  at {{int}} NOT NULL,
  PRIMARY KEY (step_run, seq)
{{end}};
CREATE TABLE fact (
  owner {{text}} NOT NULL,
  key {{text}} NOT NULL,
  value {{text}} NOT NULL,
  PRIMARY KEY (owner, key)
{{end}};
CREATE TABLE log (
  step_run {{text}} NOT NULL REFERENCES step_run (id),
  seq {{int}} NOT NULL,
  lines {{text}} NOT NULL,
  PRIMARY KEY (step_run, seq)
{{end}};
"""

_MODELS = """
CREATE TABLE model_version (
  id {text} PRIMARY KEY,
  model {text} NOT NULL,
  version {int} NOT NULL,
  artifact {text} NOT NULL,
  run {text} NOT NULL,
  created_at {int} NOT NULL,
  deleted_at {int},
  detail {text} NOT NULL,
  UNIQUE (model, version)
{end};
CREATE INDEX model_version_run ON model_version (run);
CREATE INDEX model_version_artifact ON model_version (artifact);
CREATE TABLE model_alias (
  model {text} NOT NULL,
  alias {text} NOT NULL,
  version {int} NOT NULL,
  PRIMARY KEY (model, alias),
  FOREIGN KEY (model, version) REFERENCES model_version (model, version)
{end};
CREATE TABLE alias_event (
  id {text} PRIMARY KEY,
  model {text} NOT NULL,
  at {int} NOT NULL,
  detail {text} NOT NULL
{end};
CREATE INDEX alias_event_model ON alias_event (model, at);
CREATE TABLE serving (
  id {text} PRIMARY KEY,
  name {text} NOT NULL,
  model {text} NOT NULL,
  version {int} NOT NULL,
  started_at {int} NOT NULL,
  ended_at {int},
  reason {text} NOT NULL DEFAULT '',
  detail {text} NOT NULL
{end};
CREATE INDEX serving_name ON serving (name, started_at);
CREATE INDEX serving_version ON serving (model, version);
"""

# At most one attempt for each cache key runs at a time: who finds one running waits for its result.
_KEYS = """
ALTER TABLE step_run ADD COLUMN cache_key {text} NOT NULL DEFAULT '';
CREATE UNIQUE INDEX step_run_key ON step_run (cache_key) WHERE state = 'running' AND cache_key <> '';
"""

# `run.lease`: until when a run of another machine is taken for alive, on the store's clock.
# `hold`: an object that a run is about to name, so that it is no garbage yet.
# `condemned`: an object that is being removed, so that nobody counts on it.
# `counter`: under `collections`, how often objects were removed.
# `trust`: whose word lets a pickle from elsewhere be loaded.
_KEEPING = """
ALTER TABLE run ADD COLUMN lease {int};
CREATE TABLE hold (
  digest {text} NOT NULL,
  run {text} NOT NULL,
  at {int} NOT NULL,
  PRIMARY KEY (digest, run)
{end};
CREATE TABLE condemned (
  digest {text} PRIMARY KEY,
  owner {text} NOT NULL,
  at {int} NOT NULL
{end};
CREATE TABLE counter (
  name {text} PRIMARY KEY,
  value {int} NOT NULL
{end};
INSERT INTO counter (name, value) VALUES ('collections', 0);
CREATE TABLE trust (
  digest {text} PRIMARY KEY,
  who {text} NOT NULL,
  at {int} NOT NULL,
  reason {text} NOT NULL
{end};
"""

_MIGRATIONS = (_TABLES, _MODELS, _KEYS, _KEEPING)
_MORE = {4: invariants.statements}


def migrations(dialect: Literal["sqlite", "postgresql"]) -> tuple[Migration, ...]:
    """Return every migration, in order, in the words of a dialect."""
    return tuple(
        Migration(
            number=number,
            statements=(
                *_statements(text.format(**_TYPES[dialect])),
                *(_MORE[number](dialect) if number in _MORE else ()),
            ),
        )
        for number, text in enumerate(_MIGRATIONS, start=1)
    )


def _statements(text: str) -> tuple[str, ...]:
    return tuple(statement.strip() for statement in text.split(";") if statement.strip())
