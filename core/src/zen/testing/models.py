"""The suites of what keeps and serves models: model registries and model deployers.

Rows of the field's usual list that are left out:

| kind | row | why it is no check |
|---|---|---|
| model registry | stages | aliases are what stages are; that one version holds an alias is checked |
| model registry | a name that exists already | registering to it adds a version |
| model registry | pages | `versions` and `models` return all; how many a service can list is its own matter |
| model registry | load returns the same bytes | bytes are artifacts; the registry names their id |
| model deployer | start | deploying again is how a stopped deployment starts |
| model deployer | labels | `list` returns what zen made; that nothing else is in it needs things that others made |
"""

from zen.testing.model_deployer_suite import ModelDeployerSuite
from zen.testing.model_registry_suite import ModelRegistrySuite

__all__ = ["ModelDeployerSuite", "ModelRegistrySuite"]
