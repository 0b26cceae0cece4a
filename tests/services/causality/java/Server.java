import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.concurrent.Executor;

/** The JDK's own server, which does some work for each request. */
class Server {
    interface Work {
        void run(String id) throws Exception;
    }

    static void start(String port, Executor executor, Work work) throws Exception {
        InetSocketAddress address = new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(port));
        HttpServer server = HttpServer.create(address, 256);
        server.createContext("/serve/", exchange -> {
            try {
                work.run(exchange.getRequestURI().getPath().split("/")[2]);
                exchange.sendResponseHeaders(200, 2);
                exchange.getResponseBody().write("ok".getBytes());
            } catch (Exception error) {
                exchange.sendResponseHeaders(500, -1);
            }
            exchange.close();
        });
        server.setExecutor(executor);
        server.start();
    }
}
