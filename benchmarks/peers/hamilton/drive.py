"""drive.py MODULE NODE: execute a node of a module with the cache on, the only thing by which Hamilton keeps results."""

import sys
from importlib import import_module

from hamilton import driver

name, node = sys.argv[1:]
print(driver.Builder().with_modules(import_module(name)).with_cache().build().execute([node]))
