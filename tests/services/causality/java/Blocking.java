import java.io.InputStream;
import java.net.HttpURLConnection;
import java.net.InetAddress;
import java.net.Socket;
import java.net.URI;

/** Calls by the blocking client of the JDK, and the database-like one on a connection of each thread's own. */
class Blocking {
    private static final ThreadLocal<Socket> DATABASE = new ThreadLocal<>();
    private final String callee;
    private final int database;

    Blocking(String callee, String database) {
        this.callee = callee;
        this.database = Integer.parseInt(database);
    }

    void get(String id, int number, boolean fresh) throws Exception {
        URI uri = URI.create("http://127.0.0.1:" + callee + "/down/" + id + "/" + number);
        HttpURLConnection connection = (HttpURLConnection) uri.toURL().openConnection();
        if (fresh) {
            connection.setRequestProperty("Connection", "close");
        }
        try (InputStream body = connection.getInputStream()) {
            body.readAllBytes();
        }
    }

    void ping(String id) throws Exception {
        Socket socket = DATABASE.get();
        if (socket == null) {
            socket = new Socket(InetAddress.getLoopbackAddress(), database);
            DATABASE.set(socket);
        }
        socket.getOutputStream().write(("PING " + id + "\n").getBytes());
        while (socket.getInputStream().read() != '\n') {
        }
    }

    void sequence(String id) throws Exception {
        get(id, 1, false);
        ping(id);
        get(id, 2, false);
    }

    void all(String id) throws Exception {
        sequence(id);
        get(id, 3, false);
        get(id, 4, true);
    }
}
