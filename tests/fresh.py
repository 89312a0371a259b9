"""Requests on a connection of their own, as `httpx` makes them, without what only `https` needs.

Certificates take 20 ms of CPU to read, for each connection; a test that polls reads them hundreds
of times.
"""

from functools import partial

import httpx

request = partial(httpx.request, verify=False)
get = partial(httpx.get, verify=False)
post = partial(httpx.post, verify=False)
