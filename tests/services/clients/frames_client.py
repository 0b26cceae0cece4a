"""Sends bytes as they are: each line is a port, and the messages of one connection in hexadecimal; each answer `done`."""

import socket
import sys

for line in sys.stdin:
    port, *messages = line.split()
    connection = socket.create_connection(("127.0.0.1", int(port)))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for message in messages:
        connection.sendall(bytes.fromhex(message))
    connection.shutdown(socket.SHUT_WR)
    while True:
        try:
            if not connection.recv(65536):
                break
        except BlockingIOError:  # a socket in a SOCKHASH says so once when its peer closes
            continue
    connection.close()
    print("done", flush=True)
