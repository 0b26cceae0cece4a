"""A gRPC client on grpcio, one connection: client.py HOST:PORT CONCURRENCY sync|aio

One call for each line of standard input (see tests/src/rpc.rs for the lines), so many at once.
"""
import asyncio
import sys
import threading
import time
from concurrent import futures

import echo_pb2
import grpc

STREAMS = {"Collect": (True, False), "Spread": (False, True), "Chat": (True, True)}


class Call:
    def __init__(self, line):
        fields = line.split()
        self.index, self.method, self.traceparent = fields[0], fields[1], fields[10]
        numbers = map(int, fields[2:10])
        self.messages, payload, size, count, code, milliseconds, deadline, self.cut = numbers
        self.deadline = deadline / 1000 if deadline else None
        self.metadata = [] if self.traceparent == "-" else [("traceparent", self.traceparent)]
        self.request = echo_pb2.Request(
            text=self.index, payload=bytes(payload), size=size, count=count, code=code, milliseconds=milliseconds
        )

    def on(self, channel):
        """The callable of the method, and what to call it with."""
        sends, receives = STREAMS.get(self.method, (False, False))
        kind = f"{'stream' if sends else 'unary'}_{'stream' if receives else 'unary'}"
        path = f"/sonde.test.v1.Echo/{self.method}"
        serialize, parse = echo_pb2.Request.SerializeToString, echo_pb2.Reply.FromString
        multi = getattr(channel, kind)(path, request_serializer=serialize, response_deserializer=parse)
        return multi, iter([self.request] * self.messages) if sends else self.request, receives


def run(channel, wanted):
    multi, requests, receives = wanted.on(channel)
    replies, code, start = 0, 0, time.time_ns()
    try:
        options = {"timeout": wanted.deadline, "metadata": wanted.metadata}
        if not receives:
            call = multi.future(requests, **options)
        else:
            call = multi(requests, **options)
        if wanted.cut:
            threading.Timer(wanted.cut / 1000, call.cancel).start()
        if receives:
            for _ in call:
                replies += 1
        else:
            call.result()
            replies = 1
    except grpc.RpcError as error:
        code = error.code().value[0]
    except grpc.FutureCancelledError:
        code = 1
    return f"{wanted.index} {code} {replies} {start} {time.time_ns()}\n"


async def run_aio(channel, wanted):
    multi, requests, receives = wanted.on(channel)
    replies, code, start = 0, 0, time.time_ns()
    try:
        call = multi(requests, timeout=wanted.deadline, metadata=wanted.metadata)
        if wanted.cut:
            asyncio.get_running_loop().call_later(wanted.cut / 1000, call.cancel)
        if receives:
            async for _ in call:
                replies += 1
        else:
            await call
            replies = 1
    except grpc.RpcError as error:
        code = error.code().value[0]
    except asyncio.CancelledError:
        code = 1
    return f"{wanted.index} {code} {replies} {start} {time.time_ns()}\n"


def answer(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def main(address, concurrency):
    with grpc.insecure_channel(address) as channel, futures.ThreadPoolExecutor(concurrency) as pool:
        for line in sys.stdin:
            pool.submit(lambda wanted: answer(run(channel, wanted)), Call(line))


async def main_aio(address, concurrency):
    turns = asyncio.Semaphore(concurrency)
    tasks = set()

    async def one(channel, line):
        answer(await run_aio(channel, Call(line)))
        turns.release()

    async with grpc.aio.insecure_channel(address) as channel:
        while line := await asyncio.to_thread(sys.stdin.readline):
            await turns.acquire()
            task = asyncio.create_task(one(channel, line))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)


if __name__ == "__main__":
    if sys.argv[3] == "aio":
        asyncio.run(main_aio(sys.argv[1], int(sys.argv[2])))
    else:
        main(sys.argv[1], int(sys.argv[2]))
