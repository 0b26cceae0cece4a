import io.javalin.Javalin;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** A servlet on Jetty (Javalin). With "executor" as the fourth argument another pool makes the last two calls. */
public class Servlet {
    private static final ExecutorService POOL = Executors.newFixedThreadPool(32);

    private static CompletableFuture<Void> get(Blocking calls, String id, int number, boolean fresh) {
        return CompletableFuture.runAsync(() -> {
            try {
                calls.get(id, number, fresh);
            } catch (Exception error) {
                throw new CompletionException(error);
            }
        }, POOL);
    }

    public static void main(String[] arguments) {
        Blocking calls = new Blocking(arguments[1], arguments[2]);
        boolean hops = arguments[3].equals("executor");
        Javalin app = Javalin.create(config -> {
            config.showJavalinBanner = false;
            config.http.disableCompression();
        });
        app.get("/serve/{id}", context -> {
            String id = context.pathParam("id");
            if (!hops) {
                calls.all(id);
                context.result("ok");
                return;
            }
            calls.sequence(id);
            context.future(() -> CompletableFuture.allOf(get(calls, id, 3, false), get(calls, id, 4, true))
                .thenRun(() -> context.result("ok")));
        });
        app.start("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
