import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/** A virtual thread a request, and two more for the calls in parallel. */
public class Virtual {
    public static void main(String[] arguments) throws Exception {
        Blocking calls = new Blocking(arguments[1], arguments[2]);
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
        Server.start(arguments[0], threads, id -> {
            calls.sequence(id);
            Future<?> third = threads.submit(() -> { calls.get(id, 3, false); return null; });
            Future<?> fourth = threads.submit(() -> { calls.get(id, 4, true); return null; });
            third.get();
            fourth.get();
        });
    }
}
