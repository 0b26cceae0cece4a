"""Prints one line of JSON for each connection: the bytes that came, and the requests that the h2 library made of them."""

import json
import socket
import sys

import h2.config
import h2.connection
import h2.events

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
    state.initiate_connection()
    raw, requests, error = b"", [], None
    while True:
        data = connection.recv(65536)
        if not data:
            break
        raw += data
        if error:
            continue
        try:
            events = state.receive_data(data)
        except Exception as refused:  # whatever the library does not like is the result
            error = repr(refused)
            continue
        for event in events:
            if isinstance(event, h2.events.RequestReceived):
                parents = [value for name, value in event.headers if name == "traceparent"]
                requests.append({"stream": event.stream_id, "traceparents": parents})
            elif isinstance(event, h2.events.DataReceived):
                state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
    connection.close()
    # The probe that waits for the port sends nothing.
    if raw:
        print(json.dumps({"raw": raw.hex(), "requests": requests, "error": error}), flush=True)
