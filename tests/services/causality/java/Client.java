import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executors;

/** java.net.http's client: two calls by send, two by sendAsync. */
public class Client {
    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        String base = "http://127.0.0.1:" + arguments[1] + "/down/";
        Server.start(arguments[0], Executors.newFixedThreadPool(64), id -> {
            HttpRequest[] calls = new HttpRequest[4];
            for (int number = 1; number <= 4; number++) {
                calls[number - 1] = HttpRequest.newBuilder(URI.create(base + id + "/" + number)).build();
            }
            client.send(calls[0], BodyHandlers.discarding());
            client.send(calls[1], BodyHandlers.discarding());
            CompletableFuture.allOf(
                client.sendAsync(calls[2], BodyHandlers.discarding()),
                client.sendAsync(calls[3], BodyHandlers.discarding())).join();
        });
    }
}
