import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.ServerServiceDefinition;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ServerCalls;
import io.grpc.stub.StreamObserver;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * Four gRPC calls a request on one channel: two in sequence, two in parallel. Messages are bytes that nobody decodes.
 * Calls block a thread of the pool.
 */
public class GrpcServer {
    static final byte[] OK = "ok".getBytes(StandardCharsets.US_ASCII);

    static final class Bytes implements MethodDescriptor.Marshaller<byte[]> {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException error) {
                throw new UncheckedIOException(error);
            }
        }
    }

    static MethodDescriptor<byte[], byte[]> method(String name) {
        return MethodDescriptor.newBuilder(new Bytes(), new Bytes())
            .setType(MethodDescriptor.MethodType.UNARY).setFullMethodName(name).build();
    }

    final ManagedChannel channel;

    GrpcServer(int callee) {
        channel = NettyChannelBuilder.forAddress("127.0.0.1", callee).usePlaintext().build();
    }

    Future<byte[]> start(String id, int number) {
        var call = channel.newCall(method("down/" + id + "-" + number), CallOptions.DEFAULT);
        return ClientCalls.futureUnaryCall(call, new byte[0]);
    }

    void call(String id, int number) {
        ClientCalls.blockingUnaryCall(channel, method("down/" + id + "-" + number), CallOptions.DEFAULT, new byte[0]);
    }

    void serve(byte[] request, StreamObserver<byte[]> answer) {
        String id = new String(request, StandardCharsets.US_ASCII);
        try {
            call(id, 1);
            call(id, 2);
            Future<byte[]> third = start(id, 3);
            Future<byte[]> fourth = start(id, 4);
            third.get();
            fourth.get();
        } catch (Exception error) {
            answer.onError(Status.INTERNAL.withCause(error).asException());
            return;
        }
        answer.onNext(OK);
        answer.onCompleted();
    }

    public static void main(String[] arguments) throws Exception {
        var service = new GrpcServer(Integer.parseInt(arguments[1]));
        var definition = ServerServiceDefinition.builder("causality.Service")
            .addMethod(method("causality.Service/Serve"), ServerCalls.asyncUnaryCall(service::serve)).build();
        NettyServerBuilder.forAddress(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])))
            .executor(Executors.newFixedThreadPool(64)).addService(definition).build().start().awaitTermination();
    }
}
