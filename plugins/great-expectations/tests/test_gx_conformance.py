"""The conformance kit on the validator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import great_expectations as gx
import great_expectations.expectations as gxe

from zen.testing import DataValidatorSuite, Kit


class TestGreatExpectations(DataValidatorSuite):
    flavor: ClassVar[str] = "great_expectations"
    unreachable: ClassVar[Mapping[str, Any]] = {"context": "file", "project": "nowhere"}

    def suite(self, kit: Kit) -> Any:
        return gx.ExpectationSuite(
            name="ages", expectations=[gxe.ExpectColumnValuesToBeBetween(column="age", max_value=120)]
        )
