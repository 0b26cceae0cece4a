import java.time.Duration;
import reactor.core.publisher.Mono;
import reactor.netty.http.client.HttpClient;
import reactor.netty.http.server.HttpServer;
import reactor.netty.http.server.HttpServerRequest;
import reactor.netty.resources.LoopResources;

/** Reactor Netty, on which Spring WebFlux runs: four event loops share a pool of connections; a call, a delay, a second, then two at once. */
public class ReactorServer {
    private static final LoopResources LOOPS = LoopResources.create("loop", 4, true);
    private static HttpClient client;

    public static void main(String[] arguments) {
        client = HttpClient.create().runOn(LOOPS).baseUrl("http://localhost:" + arguments[1]);
        HttpServer.create().runOn(LOOPS).host("127.0.0.1").port(Integer.parseInt(arguments[0]))
            .handle((request, response) -> response.sendString(serve(request)))
            .bindNow().onDispose().block();
    }

    private static Mono<String> serve(HttpServerRequest request) {
        String id = request.uri().split("/")[2];
        return call(id, 1)
            .delayElement(Duration.ofMillis(1 + (long) (Math.random() * 5)))
            .flatMap(done -> call(id, 2))
            .flatMap(done -> Mono.zip(call(id, 3), call(id, 4)))
            .map(done -> "ok");
    }

    private static Mono<String> call(String id, int number) {
        return client.get().uri("/down/" + id + "/" + number).responseContent().aggregate().asString();
    }
}
