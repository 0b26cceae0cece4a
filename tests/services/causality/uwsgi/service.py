"""uWSGI's own HTTP socket defers accepting until data has come. Two calls by the thread of the request."""
import os
import urllib.request

CALLEE = f"http://localhost:{os.environ['CALLEE']}/down"


def application(environment, start):
    identity = environment["PATH_INFO"].split("/")[2]
    for number in 1, 2:
        with urllib.request.urlopen(f"{CALLEE}/{identity}/{number}") as answer:
            answer.read()
    start("200 OK", [("Content-Length", "2")])
    return [b"ok"]
