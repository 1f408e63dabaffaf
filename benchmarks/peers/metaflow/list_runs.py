"""The newest runs, by Metaflow's client: it has no command that lists them."""

from itertools import islice

from metaflow import Flow, namespace

namespace(None)
for run in islice(Flow("OneStep").runs(), 20):
    print(run.id, run.created_at, run.successful)
