"""The same in asyncio."""
import asyncio
import sys

import grpc

PORT, CALLEE = sys.argv[1], sys.argv[2]


async def main():
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{CALLEE}")

    async def call(identity, number):
        return await channel.unary_unary(f"/down/{identity}-{number}")(b"")

    async def serve(request, context):
        identity = request.decode()
        await call(identity, 1)
        await call(identity, 2)
        await asyncio.gather(call(identity, 3), call(identity, 4))
        return b"ok"

    server = grpc.aio.server()
    handler = grpc.unary_unary_rpc_method_handler(serve)
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler("causality.Service", {"Serve": handler})]
    )
    server.add_insecure_port(f"127.0.0.1:{PORT}")
    await server.start()
    await server.wait_for_termination()


asyncio.run(main())
