"""trio: h11 as server, httpx as client."""
import os
import sys

import h11
import httpx
import trio

CALLEE = os.environ["CALLEE"]
ANSWER = [("Content-Length", "2")]


async def work(client, identity):
    await client.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/1")
    await trio.sleep(0.002)
    await client.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/2")


async def next_event(connection, stream):
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await stream.receive_some(65536))
    return event


async def serve(client, stream):
    connection = h11.Connection(h11.SERVER)
    while isinstance(request := await next_event(connection, stream), h11.Request):
        await next_event(connection, stream)
        await work(client, request.target.decode().rsplit("/", 1)[1])
        parts = h11.Response(status_code=200, headers=ANSWER), h11.Data(b"ok"), h11.EndOfMessage()
        await stream.send_all(b"".join(map(connection.send, parts)))
        if connection.our_state is not h11.DONE:
            return
        connection.start_next_cycle()


async def main():
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
    async with httpx.AsyncClient(limits=limits) as client:
        await trio.serve_tcp(lambda stream: serve(client, stream), int(sys.argv[1]), host="127.0.0.1")


trio.run(main)
