"""The calls of one request in asyncio: aiohttp's pooled client, streams for the database-like one."""
import asyncio
import os

import aiohttp

CALLEE = os.environ["CALLEE"]
DATABASE = int(os.environ["DATABASE"])
_idle = []


class Clients:
    def __init__(self):
        self.pooled = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.fresh = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True))

    async def close(self):
        await self.pooled.close()
        await self.fresh.close()


async def get(session, identity, number):
    async with session.get(f"http://127.0.0.1:{CALLEE}/down/{identity}/{number}") as response:
        await response.read()


async def ping(identity):
    connection = _idle.pop() if _idle else await asyncio.open_connection("127.0.0.1", DATABASE)
    reader, writer = connection
    writer.write(f"PING {identity}\n".encode())
    await reader.readline()
    _idle.append(connection)


async def work(clients, identity):
    await get(clients.pooled, identity, 1)
    await ping(identity)
    await get(clients.pooled, identity, 2)
    await asyncio.gather(
        get(clients.pooled, identity, 3),
        get(clients.fresh, identity, 4),
    )
