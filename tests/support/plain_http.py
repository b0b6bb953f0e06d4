"""One client for all tests that ask the simulator over HTTP themselves: each loads the system's certificates anew."""

from __future__ import annotations

import httpx

HTTP = httpx.Client(limits=httpx.Limits(max_keepalive_connections=0))
