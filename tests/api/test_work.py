"""What happens to work that is too much, too late, or no longer wanted."""

import json
import time
from concurrent.futures import ThreadPoolExecutor

from tests.api.service import Service, until
from tests.api.test_errors import check
from tests.samples import sample

_DROPPED = ("cancelled", "deadline", "queue_full")


def rejected(reason: str) -> float:
    return sample("unroll_rejections_total", model="slow", reason=reason)


def test_a_full_queue_says_when_to_come_back(narrow: Service) -> None:
    # One worker, one input at a time, three may wait: of eight at once, four are too many.
    with ThreadPoolExecutor(8) as clients:
        answers = list(clients.map(lambda _: narrow.forecast(model="slow"), range(8)))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert set(statuses) == {200, 429}
    for answer in answers:
        if answer.status_code == 429:
            check(answer, 429, "queue-full")
            assert int(answer.headers["retry-after"]) >= 1


def test_a_client_that_leaves_is_not_worked_for(narrow: Service) -> None:
    before = rejected("cancelled")
    body = json.dumps({"series": [1, 2], "horizon": 1, "model": "slow"}).encode()
    head = (
        b"POST /forecast HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
        b"X-Request-ID: leaver-%d\r\nContent-Length: %d\r\n\r\n"
    )
    with narrow.connection() as first, narrow.connection() as second:
        first.sendall(head % (1, len(body)) + body)
        until(lambda: narrow.app.services.lifecycle.in_flight == 1)
        time.sleep(0.05)  # the first is being computed, so the second waits
        second.sendall(head % (2, len(body)) + body)
        until(lambda: narrow.app.services.lifecycle.in_flight == 2)
        time.sleep(0.05)
    until(lambda: narrow.app.services.lifecycle.in_flight == 0)
    assert [line["status"] for line in narrow.lines("leaver-2")] == [499]
    until(lambda: rejected("cancelled") > before)


def test_a_deadline_drops_what_waits(narrow: Service) -> None:
    before = sum(map(rejected, _DROPPED))
    with ThreadPoolExecutor(1) as other:
        blocking = other.submit(narrow.forecast, model="slow")
        until(lambda: narrow.app.services.lifecycle.in_flight == 1)
        time.sleep(0.05)
        answer = narrow.http.post(
            "/forecast",
            json={"series": [1], "horizon": 1, "model": "slow"},
            headers={"X-Request-Timeout-Ms": "100"},
        )
        assert not blocking.done(), "the deadline waited for the work before it"
        # Refused at once where it is known by now how slow the model is.
        if answer.status_code == 429:
            check(answer, 429, "queue-full")
        else:
            check(answer, 504, "deadline-exceeded")
        assert blocking.result().status_code == 200
    until(lambda: sum(map(rejected, _DROPPED)) > before)
