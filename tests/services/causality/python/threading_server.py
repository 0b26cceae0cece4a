"""The standard library alone: a thread a connection, http.client."""
import http.client
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from calls import CALLEE, ping

_local = threading.local()


def get(identity, number, connection):
    connection.request("GET", f"/down/{identity}/{number}")
    connection.getresponse().read()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        identity = self.path.split("/")[2]
        if not hasattr(_local, "connection"):
            _local.connection = http.client.HTTPConnection("127.0.0.1", int(CALLEE))
        get(identity, 1, _local.connection)
        ping(identity)
        get(identity, 2, _local.connection)
        get(identity, 3, _local.connection)
        fresh = http.client.HTTPConnection("127.0.0.1", int(CALLEE))
        get(identity, 4, fresh)
        fresh.close()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
