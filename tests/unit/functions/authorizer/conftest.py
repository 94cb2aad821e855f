"""An issuer for each test that wants one."""

from collections.abc import Iterator

import pytest

from tests.unit.functions.authorizer.issuer import Issuer, issuing


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as found:
        yield found
