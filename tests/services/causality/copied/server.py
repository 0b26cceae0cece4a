"""Copies the request's field to its calls by hand: all from threads that have read nothing."""
import concurrent.futures
import http.client
import http.server
import sys

PORT, CALLEE = int(sys.argv[1]), int(sys.argv[2])
POOL = concurrent.futures.ThreadPoolExecutor(16)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 256
    daemon_threads = True


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        identity = self.path.split("/")[2]
        field = self.headers.get("traceparent")
        calls = [POOL.submit(call, f"{identity}/{number}", field) for number in range(1, 5)]
        for pending in calls:
            pending.result()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *arguments):
        pass


def call(path, field):
    connection = http.client.HTTPConnection("localhost", CALLEE)
    connection.request("GET", f"/down/{path}", headers={"traceparent": field} if field else {})
    connection.getresponse().read()
    connection.close()


Server(("127.0.0.1", PORT), Handler).serve_forever()
