"""A server on h11, a strict HTTP/1.1 parser: h11_server.py PORT. Answers as the other services do to /seen/."""
import socket
import sys
import threading

import h11


def next_event(connection, parser):
    while True:
        event = parser.next_event()
        if event is not h11.NEED_DATA:
            return event
        parser.receive_data(connection.recv(65536))


def serve(connection):
    parser = h11.Connection(h11.SERVER)
    while True:
        size = 0
        request = next_event(connection, parser)
        if not isinstance(request, h11.Request):
            break
        while isinstance(event := next_event(connection, parser), h11.Data):
            size += len(event.data)
        fields = [f"{name.decode()}: {value.decode()}" for name, value in request.headers.raw_items()]
        line = f"{request.method.decode()} {request.target.decode()}"
        print("SEEN", line, size, *fields, sep="\t", flush=True)
        answer = h11.Response(status_code=200, headers=[("Content-Length", "4")])
        for part in (answer, h11.Data(data=b"seen"), h11.EndOfMessage()):
            connection.sendall(parser.send(part))
        if parser.our_state is h11.MUST_CLOSE:
            break
        parser.start_next_cycle()
    connection.close()


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
