"""Asks the service on this machine whether it is ready: exit status 0 or 1. Knows one route."""

import http.client
import os
import sys

TIMEOUT_SECONDS = 3.0


def main() -> int:
    port = int(os.environ.get("UNROLL_PORT") or "8000")
    # Not urllib: it would send a request for loopback through a proxy set for the container.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/health/ready")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        print(f"no answer on port {port}: {error}")
        return 1
    finally:
        connection.close()
    print(f"/health/ready answered {status}")
    return 0 if status == http.client.OK else 1


if __name__ == "__main__":
    sys.exit(main())
