import com.google.protobuf.ByteString;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Instant;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import test.sonde.Reply;
import test.sonde.Request;

/**
 * A gRPC client on grpc-java and Netty, one connection: EchoClient HOST:PORT CONCURRENCY
 *
 * <p>One call for each line of standard input (see tests/src/rpc.rs for the lines), so many at once.
 */
public class EchoClient {
    private static final Metadata.Key<String> TRACEPARENT =
            Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);

    public static void main(String[] args) throws Exception {
        String[] address = args[0].split(":");
        int concurrency = Integer.parseInt(args[1]);
        ManagedChannel channel =
                NettyChannelBuilder.forAddress(address[0], Integer.parseInt(address[1])).usePlaintext().build();
        var turns = new Semaphore(concurrency);
        var timers = Executors.newScheduledThreadPool(1);
        var lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            turns.acquire();
            String[] fields = line.split(" ");
            var call = channel.newCall(method(fields[1]), options(fields));
            make(call, fields, turns);
            if (!fields[9].equals("0")) {
                timers.schedule(() -> call.cancel("as asked", null), Long.parseLong(fields[9]), TimeUnit.MILLISECONDS);
            }
        }
        turns.acquire(concurrency);
        System.exit(0);
    }

    private static MethodDescriptor<Request, Reply> method(String name) {
        var type = switch (name) {
            case "Collect" -> MethodDescriptor.MethodType.CLIENT_STREAMING;
            case "Spread" -> MethodDescriptor.MethodType.SERVER_STREAMING;
            case "Chat" -> MethodDescriptor.MethodType.BIDI_STREAMING;
            default -> MethodDescriptor.MethodType.UNARY;
        };
        return MethodDescriptor.<Request, Reply>newBuilder()
                .setType(type)
                .setFullMethodName("sonde.test.v1.Echo/" + name)
                .setRequestMarshaller(ProtoUtils.marshaller(Request.getDefaultInstance()))
                .setResponseMarshaller(ProtoUtils.marshaller(Reply.getDefaultInstance()))
                .build();
    }

    private static CallOptions options(String[] fields) {
        long deadline = Long.parseLong(fields[8]);
        return deadline == 0
                ? CallOptions.DEFAULT
                : CallOptions.DEFAULT.withDeadlineAfter(deadline, TimeUnit.MILLISECONDS);
    }

    private static void make(ClientCall<Request, Reply> call, String[] fields, Semaphore turns) {
        var request = Request.newBuilder()
                .setText(fields[0])
                .setPayload(ByteString.copyFrom(new byte[Integer.parseInt(fields[3])]))
                .setSize(Integer.parseInt(fields[4]))
                .setCount(Integer.parseInt(fields[5]))
                .setCode(Integer.parseInt(fields[6]))
                .setMilliseconds(Integer.parseInt(fields[7]))
                .build();
        var metadata = new Metadata();
        if (!fields[10].equals("-")) {
            metadata.put(TRACEPARENT, fields[10]);
        }
        long start = now();
        call.start(new ClientCall.Listener<>() {
            private int replies;

            @Override
            public void onMessage(Reply reply) {
                replies++;
                call.request(1);
            }

            @Override
            public void onClose(Status status, Metadata trailers) {
                System.out.println(
                        fields[0] + " " + status.getCode().value() + " " + replies + " " + start + " " + now());
                turns.release();
            }
        }, metadata);
        call.request(2);
        boolean streams = fields[1].equals("Collect") || fields[1].equals("Chat");
        for (int i = streams ? Integer.parseInt(fields[2]) : 1; i > 0; i--) {
            call.sendMessage(request);
        }
        call.halfClose();
    }

    private static long now() {
        Instant now = Instant.now();
        return now.getEpochSecond() * 1_000_000_000 + now.getNano();
    }
}
