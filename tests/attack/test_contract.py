"""The description of the API and the service agree, on requests that schemathesis makes up.

All checks of schemathesis but two. `positive_data_acceptance` wants everything accepted that fits
the schemas, and some rules are none of a schema's: an image must be one, a model be there. And
`not_a_server_error` counts a 504 that was asked for by `X-Request-Timeout-Ms: 1`, which is the
contract; a 500 fails here instead.
"""

import traceback
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.attack.conftest import Serve

pytestmark = pytest.mark.slow

FEW, MANY = 12, 500
_PATIENT = (501, 503, 504)  # statuses that say what the service does not do, or not now


def test_requests_made_from_the_description(serve: Serve, request: pytest.FixtureRequest) -> None:
    port = serve({}).target.port
    most = MANY if request.config.getoption("--attack") else FEW
    schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
    asked, failures = 0, []
    for found in schema.get_all_operations():
        assert not isinstance(found, Err)
        operation = found.ok()

        @settings(
            max_examples=most,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case[Any]) -> None:
            response = case.call(timeout=60)
            assert response.status_code < 500 or response.status_code in _PATIENT, response.text
            case.validate_response(
                response, excluded_checks=[positive_data_acceptance, not_a_server_error]
            )

        try:
            ask()
        except (AssertionError, BaseExceptionGroup, OSError) as error:
            failures.append("".join(traceback.format_exception(error, limit=1)))
        asked += 1
    print(f"\n{asked} operations, {most} requests each at most")
    assert asked > 40
    assert not failures, "\n\n".join(failures)
