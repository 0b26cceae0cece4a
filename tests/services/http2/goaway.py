"""An HTTP/2 server that goes away: goaway.py PORT SERVED

It answers the first SERVED requests of one connection. With the next it stops listening, says `away`, and waits for a line. Then it tells
the client (GOAWAY) that it will look at none behind those it has answered. No real server refuses what has reached it in a way that can
be repeated, hence this one.
"""
import socket
import sys

import h2.config
import h2.connection
import h2.errors
import h2.events

port, served = int(sys.argv[1]), int(sys.argv[2])


def answer(state, stream, fields):
    if fields.get("content-type", "").startswith("application/grpc"):
        state.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        state.send_data(stream, bytes(5))
        state.send_headers(stream, [("grpc-status", "0")], end_stream=True)
    else:
        state.send_headers(stream, [(":status", "200")])
        state.send_data(stream, b"served", end_stream=True)


def serve(connection, state):
    """Answers what it is to answer and waits for one more; gives the last stream that it answered."""
    taken, refused, answered = {}, False, 0
    while answered < served or not refused:
        for event in state.receive_data(connection.recv(65536)):
            if isinstance(event, h2.events.RequestReceived):
                if len(taken) < served:
                    taken[event.stream_id] = dict(event.headers)
                else:
                    refused = True
            elif isinstance(event, h2.events.DataReceived):
                state.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded) and event.stream_id in taken:
                answer(state, event.stream_id, taken[event.stream_id])
                answered += 1
        connection.sendall(state.data_to_send())
    return max(taken)


def main():
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("ready", flush=True)
        connection, _ = listener.accept()
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        last = serve(connection, state)
    print("away", flush=True)
    sys.stdin.readline()
    state.close_connection(h2.errors.ErrorCodes.NO_ERROR, last_stream_id=last)
    connection.sendall(state.data_to_send())
    # The client ends the connection.
    while connection.recv(65536):
        pass


main()
