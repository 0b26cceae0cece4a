"""The shop's front: asks the orders service and answers. An ordinary Flask program; it knows nothing of tracing."""
import os

import requests
from flask import Flask, jsonify

app = Flask(__name__)
session = requests.Session()
orders = os.environ["ORDERS"]


@app.route("/orders/<int:number>")
def order(number):
    answer = session.get(f"{orders}/orders/{number}", timeout=5)
    return jsonify(order=answer.json()), answer.status_code


@app.route("/health")
def health():
    return "ok"


if __name__ == "__main__":
    app.run(host="127.0.0.1", port=int(os.environ["PORT"]), threaded=True)
