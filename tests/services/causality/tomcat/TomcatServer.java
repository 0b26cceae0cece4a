import jakarta.servlet.AsyncContext;
import jakarta.servlet.http.HttpServlet;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletResponse;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.catalina.startup.Tomcat;

/** Tomcat with asynchronous servlets: the request's thread is gone when the second call is made, and the JDK's client has one thread for all. */
public class TomcatServer extends HttpServlet {
    private static final HttpClient CLIENT = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final String callee;

    private TomcatServer(String callee) {
        this.callee = callee;
    }

    public static void main(String[] arguments) throws Exception {
        Tomcat tomcat = new Tomcat();
        tomcat.setBaseDir(arguments[2]);
        tomcat.setHostname("127.0.0.1");
        tomcat.setPort(Integer.parseInt(arguments[0]));
        tomcat.getConnector().setProperty("address", "127.0.0.1");
        var context = tomcat.addContext("", null);
        Tomcat.addServlet(context, "service", new TomcatServer(arguments[1])).setAsyncSupported(true);
        context.addServletMappingDecoded("/serve/*", "service");
        tomcat.start();
        tomcat.getServer().await();
    }

    @Override
    protected void doGet(HttpServletRequest request, HttpServletResponse response) {
        String id = request.getRequestURI().split("/")[2];
        AsyncContext context = request.startAsync();
        var late = CompletableFuture.delayedExecutor(1 + (long) (Math.random() * 5), TimeUnit.MILLISECONDS);
        call(id, 1)
            .thenComposeAsync(done -> call(id, 2), late)
            .thenCompose(done -> CompletableFuture.allOf(call(id, 3), call(id, 4)))
            .whenComplete((done, error) -> {
                response.setStatus(error == null ? 200 : 500);
                try {
                    response.getOutputStream().print("ok");
                } catch (IOException gone) {
                    // The client has left.
                }
                context.complete();
            });
    }

    private CompletableFuture<?> call(String id, int number) {
        URI uri = URI.create("http://localhost:" + callee + "/down/" + id + "/" + number);
        return CLIENT.sendAsync(HttpRequest.newBuilder(uri).build(), BodyHandlers.ofString());
    }
}
