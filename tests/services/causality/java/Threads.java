import java.util.concurrent.Executors;

/** A thread a request, of a pool of 64. */
public class Threads {
    public static void main(String[] arguments) throws Exception {
        Blocking calls = new Blocking(arguments[1], arguments[2]);
        Server.start(arguments[0], Executors.newFixedThreadPool(64), calls::all);
    }
}
