import io.grpc.Server;
import io.grpc.Status;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.StreamObserver;
import com.google.protobuf.ByteString;
import java.net.InetSocketAddress;
import java.util.concurrent.TimeUnit;
import test.sonde.EchoGrpc;
import test.sonde.Reply;
import test.sonde.Request;

/** The gRPC service on grpc-java and Netty: EchoServer PORT */
public class EchoServer extends EchoGrpc.EchoImplBase {
    public static void main(String[] args) throws Exception {
        var address = new InetSocketAddress("127.0.0.1", Integer.parseInt(args[0]));
        Server server = NettyServerBuilder.forAddress(address).addService(new EchoServer()).build().start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                server.shutdown().awaitTermination(10, TimeUnit.SECONDS);
            } catch (InterruptedException ignored) {
                server.shutdownNow();
            }
        }));
        server.awaitTermination();
    }

    private static Reply reply(Request request, int received) {
        return Reply.newBuilder()
                .setText(request.getText())
                .setPayload(ByteString.copyFrom(new byte[request.getSize()]))
                .setReceived(received)
                .build();
    }

    private static void pause(Request request) {
        try {
            Thread.sleep(request.getMilliseconds());
        } catch (InterruptedException ignored) {
            Thread.currentThread().interrupt();
        }
    }

    private static RuntimeException failure(Request request) {
        return Status.fromCodeValue(request.getCode()).withDescription("as asked").asRuntimeException();
    }

    @Override
    public void say(Request request, StreamObserver<Reply> replies) {
        pause(request);
        if (request.getCode() != 0) {
            replies.onError(failure(request));
            return;
        }
        replies.onNext(reply(request, 1));
        replies.onCompleted();
    }

    @Override
    public void wait(Request request, StreamObserver<Reply> replies) {
        say(request, replies);
    }

    @Override
    public void fail(Request request, StreamObserver<Reply> replies) {
        say(request, replies);
    }

    @Override
    public StreamObserver<Request> collect(StreamObserver<Reply> replies) {
        return new Receiver() {
            private int received;
            private Request last = Request.getDefaultInstance();

            @Override
            public void onNext(Request request) {
                received++;
                last = request;
            }

            @Override
            public void onCompleted() {
                pause(last);
                if (last.getCode() != 0) {
                    replies.onError(failure(last));
                    return;
                }
                replies.onNext(reply(last, received));
                replies.onCompleted();
            }
        };
    }

    @Override
    public void spread(Request request, StreamObserver<Reply> replies) {
        for (int i = 0; i < request.getCount(); i++) {
            pause(request);
            replies.onNext(reply(request, 1));
        }
        if (request.getCode() != 0) {
            replies.onError(failure(request));
            return;
        }
        replies.onCompleted();
    }

    @Override
    public StreamObserver<Request> chat(StreamObserver<Reply> replies) {
        return new Receiver() {
            private int received;
            private boolean ended;

            @Override
            public void onNext(Request request) {
                received++;
                for (int i = 0; i < Math.max(request.getCount(), 1); i++) {
                    pause(request);
                    replies.onNext(reply(request, received));
                }
                if (request.getCode() != 0 && !ended) {
                    ended = true;
                    replies.onError(failure(request));
                }
            }

            @Override
            public void onCompleted() {
                if (!ended) {
                    replies.onCompleted();
                }
            }
        };
    }

    /** A caller that goes away is no news. */
    private abstract static class Receiver implements StreamObserver<Request> {
        @Override
        public void onError(Throwable ignored) {}
    }
}
