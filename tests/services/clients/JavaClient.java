import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Instant;

/** A client on java.net.http: one request for each line of standard input (see tests/src/client.rs for the line). */
public class JavaClient {
    private static long now() {
        Instant instant = Instant.now();
        return instant.getEpochSecond() * 1_000_000_000L + instant.getNano();
    }

    public static void main(String[] arguments) throws Exception {
        HttpClient client = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] fields = line.split(" ");
            int size = Integer.parseInt(fields[4]);
            HttpRequest.BodyPublisher body =
                size > 0 ? HttpRequest.BodyPublishers.ofString("b".repeat(size)) : HttpRequest.BodyPublishers.noBody();
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(fields[1])).method(fields[0], body);
            if (!fields[2].equals("-")) {
                request.header("traceparent", fields[2]);
            }
            if (!fields[3].equals("-")) {
                request.header("tracestate", fields[3]);
            }
            long start = now();
            try {
                HttpResponse<byte[]> response = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
                System.out.println(response.statusCode() + " " + response.body().length + " " + start + " " + now());
            } catch (IOException error) {
                System.out.println("0 0 " + start + " " + now());
            }
        }
    }
}
