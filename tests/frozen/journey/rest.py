"""Uses the components that a pipeline does not reach by itself, as zen opens them for a stack."""

from pathlib import Path

from zen.expect import in_range, not_null
from zen.interfaces import DataValidator, ModelDeployer, ModelRegistry
from zen.records import ModelVersion
from zen.stacks import find_project, resolve
from zen.stacks.opening import OpenStack, registry_of

project = find_project()
registry = registry_of(project)
with OpenStack(resolve(project, registry, "frozen"), project, registry) as stack:
    [(spec, validator)] = stack.many(DataValidator)
    assert spec.flavor == "frozen"
    assert validator.accepts([])
    result = validator.validate([{"x": 1.0}, {"x": None}], [not_null("x"), in_range("x", 0, 2)])
    assert [each.passed for each in result.results] == [False, True]
    assert not result.passed

    models = stack.one(ModelRegistry)
    first = models.register(ModelVersion(model="warmth", version=0, artifact="a1"))
    models.set_alias("warmth", "champion", first.version)
    assert models.get("warmth", "champion").artifact == "a1"

    deployer = stack.one(ModelDeployer)
    made = deployer.deploy("warmth", first, {"data": Path("training.py")}, {"replicas": 1})
    assert made.state == "ready"
    assert deployer.predict("warmth", [1]) == [1]
    deployer.delete("warmth")
    assert deployer.list() == []
print("used")
