"""The gRPC service on grpcio: server.py PORT sync|aio"""
import asyncio
import signal
import sys
import time
from concurrent import futures

import echo_pb2
import echo_pb2_grpc
import grpc

CODES = {code.value[0]: code for code in grpc.StatusCode}


def reply(request, received):
    return echo_pb2.Reply(text=request.text, payload=bytes(request.size), received=received)


class Echo(echo_pb2_grpc.EchoServicer):
    """Each handler on a thread of a pool."""

    def finish(self, request, context):
        if request.code:
            context.abort(CODES[request.code], "as asked")

    def Say(self, request, context):
        time.sleep(request.milliseconds / 1000)
        self.finish(request, context)
        return reply(request, 1)

    Wait = Say
    Fail = Say

    def Collect(self, requests, context):
        received, request = 0, echo_pb2.Request()
        for request in requests:
            received += 1
        time.sleep(request.milliseconds / 1000)
        self.finish(request, context)
        return reply(request, received)

    def Spread(self, request, context):
        for _ in range(request.count):
            time.sleep(request.milliseconds / 1000)
            yield reply(request, 1)
        self.finish(request, context)

    def Chat(self, requests, context):
        for number, request in enumerate(requests, 1):
            for _ in range(max(request.count, 1)):
                time.sleep(request.milliseconds / 1000)
                yield reply(request, number)
            self.finish(request, context)


class AioEcho(echo_pb2_grpc.EchoServicer):
    """Each handler a task of one event loop."""

    async def finish(self, request, context):
        if request.code:
            await context.abort(CODES[request.code], "as asked")

    async def Say(self, request, context):
        await asyncio.sleep(request.milliseconds / 1000)
        await self.finish(request, context)
        return reply(request, 1)

    Wait = Say
    Fail = Say

    async def Collect(self, requests, context):
        received, request = 0, echo_pb2.Request()
        async for request in requests:
            received += 1
        await asyncio.sleep(request.milliseconds / 1000)
        await self.finish(request, context)
        return reply(request, received)

    async def Spread(self, request, context):
        for _ in range(request.count):
            await asyncio.sleep(request.milliseconds / 1000)
            yield reply(request, 1)
        await self.finish(request, context)

    async def Chat(self, requests, context):
        number = 0
        async for request in requests:
            number += 1
            for _ in range(max(request.count, 1)):
                await asyncio.sleep(request.milliseconds / 1000)
                yield reply(request, number)
            await self.finish(request, context)


async def serve_aio(address):
    server = grpc.aio.server()
    echo_pb2_grpc.add_EchoServicer_to_server(AioEcho(), server)
    server.add_insecure_port(address)
    await server.start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await server.stop(10)


def serve(address):
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
    echo_pb2_grpc.add_EchoServicer_to_server(Echo(), server)
    server.add_insecure_port(address)
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(10))
    server.wait_for_termination()


if __name__ == "__main__":
    local = f"127.0.0.1:{sys.argv[1]}"
    if sys.argv[2] == "aio":
        asyncio.run(serve_aio(local))
    else:
        serve(local)
