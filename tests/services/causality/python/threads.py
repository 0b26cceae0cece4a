"""The four calls of a thread, one after the other; requests, a session a thread."""
import threading

import requests

from calls import CALLEE, ping

_local = threading.local()


def get(identity, number, session):
    session.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/{number}")


def four(identity):
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    get(identity, 1, _local.session)
    ping(identity)
    get(identity, 2, _local.session)
    get(identity, 3, _local.session)
    get(identity, 4, requests)
    return "ok"
