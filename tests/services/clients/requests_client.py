"""A client on requests: one request for each line of standard input (see tests/src/client.rs for the line)."""
import sys
import time

import requests

session = requests.Session()
session.trust_env = False
for line in sys.stdin:
    method, url, traceparent, tracestate, size = line.split()
    headers = {}
    if traceparent != "-":
        headers["traceparent"] = traceparent
    if tracestate != "-":
        headers["tracestate"] = tracestate
    start = time.time_ns()
    try:
        response = session.request(method, url, headers=headers, data=b"b" * int(size) or None, timeout=20)
        print(response.status_code, len(response.content), start, time.time_ns(), flush=True)
    except requests.RequestException:
        print(0, 0, start, time.time_ns(), flush=True)
