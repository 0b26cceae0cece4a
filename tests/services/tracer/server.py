"""A service that names its own parents, as a tracer does, or passes on the one that came in: server.py PORT NEXT own|pass."""

import http.client
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PORT, NEXT, HOW = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        came = self.headers.get("traceparent", "")
        fields = {}
        if came:
            version, trace, _, flags = came.split("-")
            own = f"{version}-{trace}-{os.urandom(8).hex()}-{flags}"
            fields["traceparent"] = own if HOW == "own" else came
        connection = http.client.HTTPConnection("127.0.0.1", NEXT)
        connection.request("GET", self.path, headers=fields)
        body = connection.getresponse().read()
        connection.close()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


ThreadingHTTPServer(("127.0.0.1", PORT), Handler).serve_forever()
