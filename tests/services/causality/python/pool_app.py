"""Flask on gunicorn's threads, requests; the last two calls from other threads: a pool's, or new ones."""
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import requests
from flask import Flask

from calls import CALLEE, ping

app = Flask(__name__)
_local = threading.local()
_pool = ThreadPoolExecutor(max_workers=32)


def get(identity, number):
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    _local.session.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/{number}")


def get_fresh(identity, number):
    requests.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/{number}")


def in_pool(identity):
    both = _pool.submit(get, identity, 3), _pool.submit(get_fresh, identity, 4)
    for future in both:
        future.result()


def in_new_threads(identity):
    both = [threading.Thread(target=call) for call in (lambda: get(identity, 3), lambda: get_fresh(identity, 4))]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()


_parallel = {"pool": in_pool, "threads": in_new_threads}[os.environ["WAY"]]


@app.get("/serve/<identity>")
def work(identity):
    get(identity, 1)
    ping(identity)
    get(identity, 2)
    _parallel(identity)
    return "ok"
