import io.javalin.Javalin;

/** A small service on Javalin (Jetty): java JavalinServer PORT */
public class JavalinServer {
    public static void main(String[] arguments) {
        Javalin app = Javalin.create(config -> {
            config.showJavalinBanner = false;
            config.http.disableCompression();
        });
        app.get("/sized/{count}", context -> context.result("x".repeat(Integer.parseInt(context.pathParam("count")))));
        app.get("/status/{code}", context -> context.status(Integer.parseInt(context.pathParam("code"))));
        app.post("/echo/{number}", context -> context.result(context.bodyAsBytes()));
        app.get("/slow/{milliseconds}", context -> {
            Thread.sleep(Long.parseLong(context.pathParam("milliseconds")));
            context.result("done");
        });
        app.get("/chunked/{count}", context -> {
            for (int i = 0; i < Integer.parseInt(context.pathParam("count")); i++) {
                context.outputStream().write("x".repeat(100).getBytes());
                context.outputStream().flush();
            }
        });
        app.start("127.0.0.1", Integer.parseInt(arguments[0]));
    }
}
