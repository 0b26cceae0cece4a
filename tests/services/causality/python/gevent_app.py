"""For gunicorn's gevent workers: a greenlet a connection, requests."""
import os
import time

import requests
from flask import Flask

CALLEE = os.environ["CALLEE"]
SESSION = requests.Session()
SESSION.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))

app = Flask(__name__)


@app.get("/serve/<identity>")
def serve(identity):
    SESSION.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/1")
    time.sleep(0.002)
    SESSION.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/2")
    return "ok"
