import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
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
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[0]));
        HttpServer server = HttpServer.create(address, 256);
        server.createContext("/serve/", exchange -> {
            String id = exchange.getRequestURI().getPath().split("/")[2];
            HttpRequest[] calls = new HttpRequest[4];
            for (int number = 1; number <= 4; number++) {
                calls[number - 1] = HttpRequest.newBuilder(URI.create(base + id + "/" + number)).build();
            }
            try {
                client.send(calls[0], BodyHandlers.discarding());
                client.send(calls[1], BodyHandlers.discarding());
                CompletableFuture.allOf(
                    client.sendAsync(calls[2], BodyHandlers.discarding()),
                    client.sendAsync(calls[3], BodyHandlers.discarding())).join();
                exchange.sendResponseHeaders(200, 2);
                exchange.getResponseBody().write("ok".getBytes());
            } catch (Exception error) {
                exchange.sendResponseHeaders(500, -1);
            }
            exchange.close();
        });
        server.setExecutor(Executors.newFixedThreadPool(64));
        server.start();
    }
}
