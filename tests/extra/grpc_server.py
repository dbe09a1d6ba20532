"""A gRPC server that takes its time to start; any service and method of this shape, over plain bytes."""

import os
import time
from concurrent import futures

import grpc


def echo(request, context):
    if request == b"refuse":
        context.abort(grpc.StatusCode.NOT_FOUND, "refused, as asked")
    context.set_trailing_metadata((("x-length", str(len(request))),))
    return request.upper()


def chat(requests, context):
    for request in requests:
        yield request.upper()


time.sleep(1)  # a slow start, for somebody to wait for
server = grpc.server(futures.ThreadPoolExecutor(8))
methods = {
    "Echo": grpc.unary_unary_rpc_method_handler(echo),
    "Chat": grpc.stream_stream_rpc_method_handler(chat),
}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Talk", methods),))
server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
server.start()
server.wait_for_termination()
