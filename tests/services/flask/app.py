"""A small Flask service; run by its dev server or by gunicorn (app:app)."""
import sys
import time

from flask import Flask, Response, request

app = Flask(__name__)


@app.route("/sized/<int:count>")
def sized(count):
    return Response(b"x" * count, mimetype="text/plain")


@app.route("/status/<int:code>")
def status(code):
    return Response(b"", status=code)


@app.route("/echo/<int:number>", methods=["POST", "PUT", "PATCH"])
def echo(number):
    return Response(request.get_data(), mimetype="application/octet-stream")


@app.route("/slow/<int:milliseconds>")
def slow(milliseconds):
    time.sleep(milliseconds / 1000)
    return "done"


@app.route("/chunked/<int:count>")
def chunked(count):
    return Response((b"x" * 100 for _ in range(count)), mimetype="text/plain")


@app.route("/seen/<path:rest>", methods=["GET", "POST"])
def seen(rest):
    size = len(request.get_data())
    fields = [f"{name}: {value}" for name, value in request.headers.items()]
    target = request.environ["RAW_URI"]
    print("SEEN", f"{request.method} {target}", size, *fields, sep="\t", flush=True)
    return "seen"


if __name__ == "__main__":
    app.run(host=sys.argv[2] if len(sys.argv) > 2 else "127.0.0.1", port=int(sys.argv[1]), threaded=True)
