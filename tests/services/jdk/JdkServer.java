import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.concurrent.Executors;

/** A small service on the JDK's own HTTP server: java JdkServer PORT */
public class JdkServer {
    private static int number(HttpExchange exchange) {
        String path = exchange.getRequestURI().getPath();
        return Integer.parseInt(path.substring(path.lastIndexOf('/') + 1));
    }

    private static void reply(HttpExchange exchange, int status, byte[] body) throws IOException {
        exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
    }

    private static byte[] filled(int count) {
        byte[] body = new byte[count];
        java.util.Arrays.fill(body, (byte) 'x');
        return body;
    }

    public static void main(String[] arguments) throws IOException {
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0])), 0);
        server.setExecutor(Executors.newFixedThreadPool(8));
        server.createContext("/sized/", exchange -> reply(exchange, 200, filled(number(exchange))));
        server.createContext("/status/", exchange -> reply(exchange, number(exchange), new byte[0]));
        server.createContext("/echo/", exchange -> reply(exchange, 200, exchange.getRequestBody().readAllBytes()));
        server.createContext("/seen/", exchange -> {
            int size = exchange.getRequestBody().readAllBytes().length;
            StringBuilder line = new StringBuilder("SEEN\t");
            line.append(exchange.getRequestMethod()).append(' ').append(exchange.getRequestURI()).append('\t').append(size);
            exchange.getRequestHeaders().forEach(
                (name, values) -> values.forEach(value -> line.append('\t').append(name).append(": ").append(value)));
            System.out.println(line);
            reply(exchange, 200, "seen".getBytes());
        });
        server.createContext("/slow/", exchange -> {
            try {
                Thread.sleep(number(exchange));
            } catch (InterruptedException error) {
                throw new IOException(error);
            }
            reply(exchange, 200, "done".getBytes());
        });
        server.createContext("/chunked/", exchange -> {
            exchange.sendResponseHeaders(200, 0);
            for (int i = 0; i < number(exchange); i++) {
                exchange.getResponseBody().write(filled(100));
            }
            exchange.close();
        });
        server.start();
    }
}
