"""A Flask service in a chain: app.py PORT [NEXT-URL]. GET /chain/N asks the next one for the same, if there is one."""
import sys

import requests
from flask import Flask

app = Flask(__name__)
port, following = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else ""


@app.route("/chain/<int:number>")
def chain(number):
    if not following:
        return "end"
    session = requests.Session()
    session.trust_env = False
    return "via " + session.get(f"{following}/chain/{number}", timeout=20).text


app.run(host=sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1", port=port, threaded=True)
