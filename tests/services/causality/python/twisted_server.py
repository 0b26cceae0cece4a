"""Twisted, server and client."""
import os
import sys

from twisted.internet import defer, reactor, task
from twisted.web import client, resource, server

CALLEE = os.environ["CALLEE"]
POOL = client.HTTPConnectionPool(reactor)
POOL.maxPersistentPerHost = 64
AGENT = client.Agent(reactor, pool=POOL)


async def get(identity, number):
    response = await AGENT.request(b"GET", f"http://127.0.0.1:{CALLEE}/down/{identity}/{number}".encode())
    await client.readBody(response)


async def work(request, identity):
    await get(identity, 1)
    await task.deferLater(reactor, 0.002, lambda: None)
    await get(identity, 2)
    request.write(b"ok")
    request.finish()


class Serve(resource.Resource):
    isLeaf = True

    def render_GET(self, request):
        defer.ensureDeferred(work(request, request.path.decode().rsplit("/", 1)[1]))
        return server.NOT_DONE_YET


reactor.listenTCP(int(sys.argv[1]), server.Site(Serve()), interface="127.0.0.1", backlog=256)
reactor.run()
