"""The built-in materializers: plain data, bytes, files, enums, dataclasses, pydantic models, and pickle as the last."""
