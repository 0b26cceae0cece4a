"""One thread and poll(): connections are served by turns, each step with a blocking call; and, if asked, a poller between them."""
import http.client
import os
import select
import socket
import sys
import time

PORT, CALLEE = int(sys.argv[1]), int(sys.argv[2])
POLLER = os.environ.get("POLLER")
LATE = 0.002


def call(path):
    connection = http.client.HTTPConnection("127.0.0.1", CALLEE)
    connection.request("GET", f"/down/{path}")
    connection.getresponse().read()
    connection.close()


def main():
    listener = socket.create_server(("127.0.0.1", PORT), backlog=256)
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    connections, late, count, last = {}, [], 0, time.monotonic()
    while True:
        wait = max(0, (late[0][0] - time.monotonic()) * 1000) if late else 5
        for number, _ in poll.poll(wait):
            if number == listener.fileno():
                connection, _ = listener.accept()
                connections[connection.fileno()] = connection
                poll.register(connection, select.POLLIN)
                continue
            connection = connections[number]
            head = connection.recv(65536)
            if not head:
                poll.unregister(connection)
                connections.pop(number).close()
                continue
            identity = head.split(b" ")[1].decode().split("/")[2]
            call(f"{identity}/1")
            late.append((time.monotonic() + LATE, identity, connection))
        while late and late[0][0] <= time.monotonic():
            _, identity, connection = late.pop(0)
            call(f"{identity}/2")
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if POLLER and time.monotonic() > last + 0.005:
            count, last = count + 1, time.monotonic()
            call(f"background.{POLLER}/{count}")


main()
