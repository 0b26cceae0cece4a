"""Four gRPC calls a request on one channel: two in sequence, two in parallel. Messages are bytes that nobody decodes."""
import sys
from concurrent import futures

import grpc

PORT, CALLEE = sys.argv[1], sys.argv[2]
channel = grpc.insecure_channel(f"127.0.0.1:{CALLEE}")


def method(identity, number):
    return channel.unary_unary(f"/down/{identity}-{number}")


def serve(request, context):
    identity = request.decode()
    method(identity, 1)(b"")
    method(identity, 2)(b"")
    parallel = [method(identity, 3).future(b""), method(identity, 4).future(b"")]
    for call in parallel:
        call.result()
    return b"ok"


server = grpc.server(futures.ThreadPoolExecutor(max_workers=64))
handler = grpc.unary_unary_rpc_method_handler(serve)
server.add_generic_rpc_handlers(
    [grpc.method_handlers_generic_handler("causality.Service", {"Serve": handler})]
)
server.add_insecure_port(f"127.0.0.1:{PORT}")
server.start()
server.wait_for_termination()
