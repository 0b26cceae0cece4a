"""Flask: the thread of a request makes its calls."""
from flask import Flask

from threads import four

app = Flask(__name__)


@app.get("/serve/<identity>")
def serve(identity):
    return four(identity)
