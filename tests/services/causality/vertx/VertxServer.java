import io.vertx.core.AbstractVerticle;
import io.vertx.core.DeploymentOptions;
import io.vertx.core.Future;
import io.vertx.core.Vertx;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientResponse;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.PoolOptions;

/** Vert.x (Netty), two event loops: a call, a timer, a second call, then two at once; the pool is smaller than the load. */
public class VertxServer extends AbstractVerticle {
    private static int port;
    private static int callee;
    private HttpClient client;

    public static void main(String[] arguments) {
        port = Integer.parseInt(arguments[0]);
        callee = Integer.parseInt(arguments[1]);
        Vertx.vertx().deployVerticle(VertxServer.class, new DeploymentOptions().setInstances(2));
    }

    @Override
    public void start() {
        client = vertx.createHttpClient(new PoolOptions().setHttp1MaxSize(16));
        vertx.createHttpServer().requestHandler(this::serve).listen(port, "127.0.0.1");
    }

    private void serve(HttpServerRequest request) {
        String id = request.path().split("/")[2];
        call(id, 1)
            .compose(done -> vertx.timer(1 + (long) (Math.random() * 5), java.util.concurrent.TimeUnit.MILLISECONDS))
            .compose(done -> call(id, 2))
            .compose(done -> Future.all(call(id, 3), call(id, 4)))
            .onSuccess(done -> request.response().end("ok"))
            .onFailure(error -> request.response().setStatusCode(500).end());
    }

    private Future<?> call(String id, int number) {
        return client.request(HttpMethod.GET, callee, "localhost", "/down/" + id + "/" + number)
            .compose(request -> request.send())
            .compose(HttpClientResponse::body);
    }
}
