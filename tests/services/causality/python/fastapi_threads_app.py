"""FastAPI with a plain `def`, which runs in a thread of anyio's pool; requests."""
import threading

import requests
from fastapi import FastAPI

from calls import CALLEE, ping

app = FastAPI()
_local = threading.local()


def get(identity, number, session):
    session.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/{number}")


@app.get("/serve/{identity}")
def handle(identity: str):
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    get(identity, 1, _local.session)
    ping(identity)
    get(identity, 2, _local.session)
    get(identity, 3, _local.session)
    get(identity, 4, requests)
    return "ok"
