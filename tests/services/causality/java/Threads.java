import com.sun.net.httpserver.HttpServer;
import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.util.concurrent.Executors;

/** A thread a request, of a pool of 64; the blocking client of the JDK. */
public class Threads {
    static String callee;
    static int database;
    static final ThreadLocal<Socket> DATABASE = new ThreadLocal<>();

    static void get(String id, int number, boolean fresh) throws Exception {
        URI uri = URI.create("http://127.0.0.1:" + callee + "/down/" + id + "/" + number);
        HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
        if (fresh) {
            connection.setRequestProperty("Connection", "close");
        }
        try (InputStream body = connection.getInputStream()) {
            body.readAllBytes();
        }
    }

    static void ping(String id) throws Exception {
        Socket socket = DATABASE.get();
        if (socket == null) {
            socket = new Socket(InetAddress.getLoopbackAddress(), database);
            DATABASE.set(socket);
        }
        socket.getOutputStream().write(("PING " + id + "\n").getBytes());
        while (socket.getInputStream().read() != '\n') {
        }
    }

    public static void main(String[] arguments) throws Exception {
        callee = arguments[1];
        database = Integer.parseInt(arguments[2]);
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(arguments[0]));
        HttpServer server = HttpServer.create(address, 256);
        server.createContext("/serve/", exchange -> {
            String id = exchange.getRequestURI().getPath().split("/")[2];
            try {
                get(id, 1, false);
                ping(id);
                get(id, 2, false);
                get(id, 3, false);
                get(id, 4, true);
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
