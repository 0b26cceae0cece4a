"""aiohttp as server and client."""
import sys

from aiohttp import web

from async_calls import Clients, work

CLIENTS = web.AppKey("clients", Clients)


async def handle(request):
    await work(request.app[CLIENTS], request.match_info["identity"])
    return web.Response(text="ok")


async def clients(app):
    app[CLIENTS] = Clients()
    yield
    await app[CLIENTS].close()


application = web.Application()
application.router.add_get("/serve/{identity}", handle)
application.cleanup_ctx.append(clients)
web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), print=None, backlog=256)
