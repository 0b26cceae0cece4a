"""eventlet: a green thread a request, requests."""
import eventlet

eventlet.monkey_patch()

import os
import sys

import requests
from eventlet import wsgi

CALLEE = os.environ["CALLEE"]
SESSION = requests.Session()
SESSION.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))


def application(environ, start_response):
    identity = environ["PATH_INFO"].rsplit("/", 1)[1]
    SESSION.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/1")
    eventlet.sleep(0.002)
    SESSION.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/2")
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


wsgi.server(eventlet.listen(("127.0.0.1", int(sys.argv[1])), backlog=256), application, log_output=False)
