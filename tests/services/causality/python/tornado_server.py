"""Tornado, server and client: ten calls at a time, the others wait in the client's queue."""
import asyncio
import os
import sys

import tornado.httpclient
import tornado.web

CALLEE = os.environ["CALLEE"]


class Handler(tornado.web.RequestHandler):
    async def get(self, identity):
        client = tornado.httpclient.AsyncHTTPClient()
        await client.fetch(f"http://127.0.0.1:{CALLEE}/down/{identity}/1")
        await asyncio.sleep(0.002)
        await client.fetch(f"http://127.0.0.1:{CALLEE}/down/{identity}/2")
        self.write("ok")


async def main():
    tornado.web.Application([("/serve/(.*)", Handler)]).listen(int(sys.argv[1]), "127.0.0.1", backlog=256)
    await asyncio.Event().wait()


asyncio.run(main())
