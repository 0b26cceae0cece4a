"""aiohttp, where requests share something: the connections of a small pool, a future, or workers that the first one has started."""
import asyncio
import os
import sys

import aiohttp
from aiohttp import web

CALLEE = os.environ["CALLEE"]
STATE = web.AppKey("state", dict)


async def get(state, identity, number):
    async with state["session"].get(f"http://127.0.0.1:{CALLEE}/down/{identity}/{number}") as response:
        await response.read()


async def limit(state, identity):
    """More requests than connections."""
    await get(state, identity, 1)
    await asyncio.gather(get(state, identity, 2), get(state, identity, 3))
    await get(state, identity, 4)


async def token(state, identity):
    await get(state, identity, 2)
    state["token"] = None


async def shared(state, identity):
    """One request fetches what all wait for."""
    if state["token"] is None:
        state["token"] = asyncio.ensure_future(token(state, identity))
    await asyncio.shield(state["token"])
    await get(state, identity, 1)


async def worker(state):
    while True:
        identity, done = await state["queue"].get()
        await get(state, identity, 2)
        done.set_result(None)


async def queue(state, identity):
    """The second call is a worker's."""
    if not state["workers"]:
        state["workers"] = [asyncio.create_task(worker(state)) for _ in range(3)]
    await get(state, identity, 1)
    done = asyncio.get_running_loop().create_future()
    state["queue"].put_nowait((identity, done))
    await done


async def handle(request):
    await WAY(request.app[STATE], request.match_info["identity"])
    return web.Response(text="ok")


async def state(app):
    connector = aiohttp.TCPConnector(limit=4 if WAY is limit else 0)
    session = aiohttp.ClientSession(connector=connector)
    app[STATE] = {"session": session, "token": None, "workers": [], "queue": asyncio.Queue()}
    yield
    await session.close()


WAY = {"limit": limit, "shared": shared, "queue": queue}[sys.argv[2]]
application = web.Application()
application.router.add_get("/serve/{identity}", handle)
application.cleanup_ctx.append(state)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, backlog=256)
