"""Versions of models, the aliases that name them, and what served when: the registry that every stack has."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from zen.errors import ArtifactNotFound, ComponentError, WriteConflict, listing, nearest
from zen.identity import dumps
from zen.interfaces import Change, Row
from zen.records import AliasEvent, ModelVersion, Serving, from_json, to_json
from zen.secrets.recorded import masked
from zen.secrets.redaction import redactor
from zen.storage.database import Database
from zen.storage.rows import detail, micros, time

LATEST = "latest"
_VERSION_DETAIL = ("uri", "description", "tags", "metadata")
_VERSION = "SELECT model, version, artifact, run, created_at, detail FROM model_version"
_TRIES = 20


class _Anything:
    """Stands for "whatever holds the alias now"."""


ANY: Final = _Anything()


class Models:
    """The models of one metadata store. Deleted versions keep their numbers, and their place in the history."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # Reading

    def get(self, model: str, version: int | str = LATEST) -> ModelVersion:
        """Return a version by its number, an alias, or `latest`.

        Raises:
            ArtifactNotFound: With what exists.
        """
        found = self.versions(model)
        if not found:
            names = self.models()
            raise ArtifactNotFound(f"no model {model!r}; there are: {listing(names)}", hint=nearest(model, names))
        if version == LATEST:
            return found[0]
        number = int(version) if str(version).isdigit() else None
        for each in found:
            if each.version == number or version in each.aliases:
                return each
        known = [*(alias for each in found for alias in each.aliases), LATEST, *(str(each.version) for each in found)]
        raise ArtifactNotFound(
            f"model {model!r} has no version {version!r}; it has: {listing(known)}", hint=nearest(str(version), known)
        )

    def models(self) -> list[str]:
        """Return the names of the models that have versions, sorted."""
        sql = "SELECT DISTINCT model FROM model_version WHERE deleted_at IS NULL ORDER BY model"
        return [str(row[0]) for row in self._database.read(sql)]

    def versions(self, model: str) -> list[ModelVersion]:
        """Return the versions of a model, newest first."""
        return self._read("model = ? AND deleted_at IS NULL ORDER BY version DESC", (model,), model)

    def of_run(self, run_id: str) -> list[ModelVersion]:
        """Return the versions that a run added."""
        return self._read("run = ? AND deleted_at IS NULL ORDER BY model, version", (run_id,))

    def of_artifacts(self, ids: Sequence[str]) -> list[ModelVersion]:
        """Return the versions whose model is one of these artifacts."""
        where = f"artifact IN ({', '.join('?' * len(ids))}) AND deleted_at IS NULL ORDER BY model, version"
        return self._read(where, ids) if ids else []

    def history(self, model: str) -> list[AliasEvent]:
        """Return how the aliases of a model moved, oldest first."""
        sql = "SELECT detail FROM alias_event WHERE model = ? ORDER BY at, id"
        return [from_json(AliasEvent, json.loads(row[0])) for row in self._database.read(sql, (model,))]

    def _read(self, where: str, parameters: Sequence[Any], model: str = "") -> list[ModelVersion]:
        found = self._database.read(f"{_VERSION} WHERE {where}", parameters)
        names = [model] if model else sorted({str(row[0]) for row in found})
        held: dict[tuple[str, int], list[str]] = {}
        for name in names:
            sql = "SELECT version, alias FROM model_alias WHERE model = ? ORDER BY alias"
            for number, alias in self._database.read(sql, (name,)):
                held.setdefault((name, number), []).append(str(alias))
        return [_version(row, held.get((row[0], row[1]), [])) for row in found]

    # Writing

    def register(self, version: ModelVersion, version_id: str, *, guard: Sequence[Change] = ()) -> ModelVersion:
        """Add a version under the next number, and return it; what already has that id is returned as it is.

        Raises:
            WriteConflict: When `guard` refuses it.
        """
        self._database.write([*guard, insert_version(version, version_id)])
        [row] = self._database.read(f"{_VERSION} WHERE id = ?", (version_id,))
        return self.get(version.model, int(row[1]))

    def set_alias(
        self,
        model: str,
        alias: str,
        version: int | None,
        *,
        event_id: str,
        expected: int | _Anything | None = ANY,
        run_id: str = "",
        reason: str = "",
    ) -> AliasEvent | None:
        """Let an alias name one version and no other, or none; the move becomes part of the history.

        Args:
            model: The model.
            alias: The alias.
            version: The version, or None to take the alias away.
            event_id: Id of the move.
            expected: The version that must hold the alias at that moment.
            run_id: The run that moves it.
            reason: Why, for people.

        Returns:
            The move, or None when the alias named that version already.

        Raises:
            ArtifactNotFound: When the version does not exist.
            WriteConflict: When another version than the expected one holds it.
        """
        if version is not None:
            self.get(model, version)
        for _ in range(_TRIES):
            before = self._holder(model, alias)
            if not isinstance(expected, _Anything) and before != expected:
                raise WriteConflict(f"alias {alias!r} of model {model!r} names version {before}, not {expected}")
            if before == version:
                return None
            event = AliasEvent(
                model=model,
                alias=alias,
                version=version,
                before=before,
                at=self._database.now(),
                run_id=run_id,
                reason=reason,
            )
            try:
                self._database.write([_move(event), _insert_event(event, event_id)])
            except WriteConflict:  # somebody else moved it meanwhile
                continue
            return event
        raise ComponentError(f"alias {alias!r} of model {model!r} is moved by too many at once", hint="try again")

    def amend(self, model: str, version: int, *, tags: Mapping[str, str], metadata: Mapping[str, Any]) -> ModelVersion:
        """Set tags and metadata of a version; others stay as they are."""
        for _ in range(_TRIES):
            known = self.get(model, version)
            sql = "SELECT detail FROM model_version WHERE model = ? AND version = ?"
            [row] = self._database.read(sql, (model, version))
            changed = ModelVersion(
                model=model,
                version=version,
                uri=known.uri,
                description=known.description,
                tags={**known.tags, **tags},
                metadata={**known.metadata, **metadata},
            )
            update = "UPDATE model_version SET detail = ? WHERE model = ? AND version = ? AND detail = ?"
            values = (detail(changed, _VERSION_DETAIL), model, version, row[0])
            try:
                self._database.write([Change(sql=update, parameters=values, expect=1)])
            except WriteConflict:  # somebody else changed it meanwhile
                continue
            return self.get(model, version)
        raise ComponentError(f"version {version} of model {model!r} is changed by too many at once", hint="try again")

    def delete(self, model: str, version: int) -> None:
        """Remove a version; its number is never given again. Removing what is not there is harmless.

        Raises:
            ComponentError: When an alias names it, or a deployment serves it.
        """
        held = [each for each in self.versions(model) if each.version == version]
        if not held:
            return
        serving = [each.name for each in self.serving() if (each.model, each.version) == (model, version)]
        if held[0].aliases or serving:
            what = f"alias {listing(held[0].aliases)} names it" if held[0].aliases else f"{listing(serving)} serves it"
            raise ComponentError(
                f"version {version} of model {model!r} is in use: {what}", hint="let it name another version first"
            )
        sql = (
            "UPDATE model_version SET deleted_at = ? WHERE model = ? AND version = ? AND deleted_at IS NULL"
            " AND NOT EXISTS (SELECT 1 FROM model_alias a WHERE a.model = ? AND a.version = ?)"
        )
        now = micros(self._database.now())
        try:
            self._database.write([Change(sql=sql, parameters=(now, model, version, model, version), expect=1)])
        except WriteConflict as error:
            raise ComponentError(f"version {version} of model {model!r} has just been given an alias") from error

    def _holder(self, model: str, alias: str) -> int | None:
        sql = "SELECT version FROM model_alias WHERE model = ? AND alias = ?"
        found = self._database.read(sql, (model, alias))
        return int(found[0][0]) if found else None

    # What serves

    def serving(self, name: str | None = None, *, at: dt.datetime | None = None) -> list[Serving]:
        """Return what serves now, or what served at a time; of one deployment, or of all.

        Args:
            name: The deployment.
            at: The time; by default now, as far as is recorded.
        """
        where, parameters = ("ended_at IS NULL", []) if at is None else _served_at(at)
        if name is not None:
            where, parameters = f"{where} AND name = ?", [*parameters, name]
        return self._servings(f"{where} ORDER BY name", parameters)

    def servings(
        self, *, name: str | None = None, model: str | None = None, version: int | None = None
    ) -> list[Serving]:
        """Return all that served, oldest first."""
        given = {"name": name, "model": model, "version": version}
        chosen = {column: value for column, value in given.items() if value is not None}
        where = " AND ".join(f"{column} = ?" for column in chosen) or "1 = 1"
        return self._servings(f"{where} ORDER BY started_at, id", list(chosen.values()))

    def begin_serving(self, serving: Serving) -> None:
        """Record that a deployment serves a version from now on, and the one before no more."""
        ended = _end(serving.name, self._database.now(), "another version was deployed")
        self._database.write([ended, _insert_serving(serving)])

    def end_serving(self, name: str, reason: str) -> None:
        """Record that a deployment does not serve any more."""
        self._database.write([_end(name, self._database.now(), reason)])

    def _servings(self, where: str, parameters: Sequence[Any]) -> list[Serving]:
        sql = f"SELECT id, name, model, version, started_at, ended_at, reason, detail FROM serving WHERE {where}"
        return [_serving(row) for row in self._database.read(sql, parameters)]


def insert_version(version: ModelVersion, version_id: str) -> Change:
    """Record a version under the next number of its model, once for each id."""
    return Change(
        sql=(
            "INSERT INTO model_version (id, model, version, artifact, run, created_at, detail)"
            " SELECT ?, ?, COALESCE((SELECT MAX(version) FROM model_version WHERE model = ?), 0) + 1, ?, ?, ?, ?"
            " WHERE NOT EXISTS (SELECT 1 FROM model_version WHERE id = ?)"
        ),
        parameters=(
            version_id,
            version.model,
            version.model,
            version.artifact,
            version.run_id,
            micros(version.created_at or dt.datetime.now(dt.UTC)),
            detail(version, _VERSION_DETAIL),
            version_id,
        ),
    )


def _move(event: AliasEvent) -> Change:
    """Move an alias, if it is still where the event says that it was."""
    model, alias = event.model, event.alias
    if event.version is None:
        sql = "DELETE FROM model_alias WHERE model = ? AND alias = ? AND version = ?"
        return Change(sql=sql, parameters=(model, alias, event.before), expect=1)
    exists = "EXISTS (SELECT 1 FROM model_version v WHERE v.model = ? AND v.version = ? AND v.deleted_at IS NULL)"
    if event.before is None:
        sql = (
            f"INSERT INTO model_alias (model, alias, version) SELECT ?, ?, ? WHERE {exists}"
            " ON CONFLICT (model, alias) DO NOTHING"
        )
        return Change(sql=sql, parameters=(model, alias, event.version, model, event.version), expect=1)
    sql = f"UPDATE model_alias SET version = ? WHERE model = ? AND alias = ? AND version = ? AND {exists}"
    return Change(sql=sql, parameters=(event.version, model, alias, event.before, model, event.version), expect=1)


def _insert_event(event: AliasEvent, event_id: str) -> Change:
    return Change(
        sql="INSERT INTO alias_event (id, model, at, detail) VALUES (?, ?, ?, ?)",
        parameters=(event_id, event.model, micros(event.at), dumps(to_json(masked(event)))),
        expect=1,
    )


def _insert_serving(serving: Serving) -> Change:
    return Change(
        sql="INSERT INTO serving (id, name, model, version, started_at, detail) VALUES (?, ?, ?, ?, ?, ?)",
        parameters=(
            serving.id,
            serving.name,
            serving.model,
            serving.version,
            micros(serving.started_at),
            detail(serving, ("deployer", "stack", "url")),
        ),
        expect=1,
    )


def _end(name: str, at: dt.datetime, reason: str) -> Change:
    return Change(
        sql="UPDATE serving SET ended_at = ?, reason = ? WHERE name = ? AND ended_at IS NULL",
        parameters=(micros(at), redactor.text(reason), name),
    )


def _served_at(at: dt.datetime) -> tuple[str, list[Any]]:
    return "started_at <= ? AND (ended_at IS NULL OR ended_at > ?)", [micros(at), micros(at)]


def _version(row: Row, aliases: Sequence[str]) -> ModelVersion:
    created = time(row[4])
    facts = {
        "model": row[0],
        "version": row[1],
        "artifact": row[2],
        "run_id": row[3],
        "aliases": list(aliases),
        "created_at": created.isoformat() if created else None,
        **json.loads(row[5]),
    }
    return from_json(ModelVersion, facts)


def _serving(row: Row) -> Serving:
    times = {"started_at": time(row[4]), "ended_at": time(row[5])}
    facts = {"id": row[0], "name": row[1], "model": row[2], "version": row[3], "reason": row[6], **json.loads(row[7])}
    return from_json(Serving, {**facts, **{key: at.isoformat() for key, at in times.items() if at is not None}})
