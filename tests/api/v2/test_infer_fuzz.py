"""Bodies that no honest client sends: no crash, no hang, and memory back where it was."""

import pytest

from tests.api.v2.fuzz import fuzz


@pytest.mark.slow
def test_fuzzed_bodies() -> None:
    findings = fuzz(300)
    assert findings.wrong == []
    assert findings.statuses[200] > 20, "some of them are honest"
    assert findings.statuses[422] > 50
    assert findings.slowest < 5
    assert findings.growth < 25  # MiB; 1 to 4 after 1,000 requests
