"""The suites of artifact stores, metadata stores and secret stores.

What the plugin contract lists and the interfaces as built do not have:

| kind | row | why it is no check |
|---|---|---|
| artifact store | keys with spaces and unicode | keys are of `[A-Za-z0-9._/-]`, made by zen |
| artifact store | checksum | the interface has no checksum: zen hashes what it writes and verifies what it reads |
| artifact store | overwrite policy as declared | there is one policy: a put replaces |
| artifact store | paging | `list` is an iterator; that more than 1,000 keys come is checked |
| metadata store | runs, steps, artifacts, unique ids | all SQL is zen's own (`zen.storage`); a store runs statements |
| metadata store | states, filters, lineage, cascades | the same; values, batches, conflicts, concurrency are checked |
| metadata store | schema upgrade from each released version | the migrations are zen's; `migrate` itself is checked |
| metadata store | `durable` survives a power cut | no test can cut the power; the death of the process is checked |
| secret store | version | the interface has no versions |
| secret store | binary | values are text |
| secret store | redaction hook | the interface has none: what a component says is looked at |
"""

from zen.testing.artifact_store_suite import ArtifactStoreSuite
from zen.testing.metadata_store_suite import MetadataStoreSuite
from zen.testing.secret_store_suite import SecretStoreSuite

__all__ = ["ArtifactStoreSuite", "MetadataStoreSuite", "SecretStoreSuite"]
