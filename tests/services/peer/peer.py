"""A scripted end of TCP connections, for what real servers and clients rarely do.

peer.py ADDRESS PORT MODE   MODE is "serve" or "connect"

One JSON array of steps arrives on each line of standard input; each line is played on one new connection, and one JSON
object is printed for it: {"start_ns", "end_ns", "received"} or {"error"}. Binary text is latin-1.
"""
import json
import socket
import struct
import sys
import time


def read_until(connection, buffered, end):
    """Reads until `end` was seen; gives what came up to and with it, and what came after it."""
    while end not in buffered:
        part = connection.recv(65536)
        if not part:
            raise EOFError("peer closed before " + repr(end))
        buffered += part
    at = buffered.index(end) + len(end)
    return buffered[:at], buffered[at:]


def play(connection, steps):
    """Does the steps in order and gives all that was received."""
    connection.settimeout(20)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received, buffered = b"", b""
    for step in steps:
        verb, argument = step[0], step[1] if len(step) > 1 else None
        if verb == "send":
            connection.sendall(argument.encode("latin-1"))
        elif verb == "send_bytes":  # each byte in a segment of its own
            for byte in argument.encode("latin-1"):
                connection.sendall(bytes([byte]))
        elif verb == "send_filled":
            connection.sendall(b"x" * argument)
        elif verb == "read_head":
            part, buffered = read_until(connection, buffered, b"\r\n\r\n")
            received += part
        elif verb == "read_until":
            part, buffered = read_until(connection, buffered, argument.encode("latin-1"))
            received += part
        elif verb == "read":
            while len(buffered) < argument:
                part = connection.recv(65536)
                if not part:
                    raise EOFError("peer closed in a body")
                buffered += part
            received, buffered = received + buffered[:argument], buffered[argument:]
        elif verb == "read_eof":
            while True:
                try:
                    part = connection.recv(65536)
                except ConnectionResetError:
                    break
                if not part:
                    break
                buffered += part
            received, buffered = received + buffered, b""
        elif verb == "pause":  # part of the case, as think time; never used to wait for something
            time.sleep(argument / 1000)
        elif verb == "half_close":
            connection.shutdown(socket.SHUT_WR)
        elif verb == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            break
        else:
            raise ValueError("unknown step " + verb)
    connection.close()
    return received


def main():
    address, port, mode = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = None
    if mode == "serve":
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        listener.bind((address, port))
        listener.listen(128)
        print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    else:
        print(json.dumps({"port": port}), flush=True)
    for line in sys.stdin:
        steps = json.loads(line)
        start = time.time_ns()
        try:
            if listener is not None:
                connection, _ = listener.accept()
            else:
                connection = socket.socket(family, socket.SOCK_STREAM)
                connection.connect((address, port))
            received = play(connection, steps)
            result = {"start_ns": start, "end_ns": time.time_ns(), "received": received.decode("latin-1")}
        except (OSError, EOFError) as error:
            result = {"start_ns": start, "end_ns": time.time_ns(), "error": repr(error)}
        print(json.dumps(result), flush=True)


main()
