"""The workloads as a Kedro project."""
