// .NET: tasks on the thread pool over NetworkStream; a call, a delay, a second call, then two at once. Connections to the
// callee are pooled. Arguments: port, the callee's port, and "sync" for a thread a connection with blocking calls.
using System;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

static class Service {
    static readonly ConcurrentBag<NetworkStream> Idle = new ConcurrentBag<NetworkStream>();
    static readonly byte[] Answer = Encoding.ASCII.GetBytes("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    static int callee;

    static byte[] Request(string id, int number) {
        return Encoding.ASCII.GetBytes("GET /down/" + id + "/" + number + " HTTP/1.1\r\nHost: callee\r\n\r\n");
    }

    static async Task<NetworkStream> Connection() {
        NetworkStream stream;
        if (Idle.TryTake(out stream)) return stream;
        var client = new TcpClient { NoDelay = true };
        await client.ConnectAsync(IPAddress.Loopback, callee);
        return client.GetStream();
    }

    // Both answers and requests come in one piece.
    static async Task Call(string id, int number) {
        var stream = await Connection();
        var request = Request(id, number);
        await stream.WriteAsync(request, 0, request.Length);
        await stream.ReadAsync(new byte[4096], 0, 4096);
        Idle.Add(stream);
    }

    static async Task Serve(TcpClient client) {
        var stream = client.GetStream();
        var buffer = new byte[4096];
        for (;;) {
            int count = await stream.ReadAsync(buffer, 0, buffer.Length);
            if (count == 0) break;
            string id = Encoding.ASCII.GetString(buffer, 0, count).Split(' ')[1].Split('/')[2];
            await Call(id, 1);
            await Task.Delay(1 + id[id.Length - 1] % 5);
            await Call(id, 2);
            await Task.WhenAll(Call(id, 3), Call(id, 4));
            await stream.WriteAsync(Answer, 0, Answer.Length);
        }
        client.Close();
    }

    static void ServeBlocking(TcpClient client) {
        var stream = client.GetStream();
        var own = new TcpClient { NoDelay = true };
        own.Connect(IPAddress.Loopback, callee);
        var buffer = new byte[4096];
        for (;;) {
            int count = stream.Read(buffer, 0, buffer.Length);
            if (count == 0) break;
            string id = Encoding.ASCII.GetString(buffer, 0, count).Split(' ')[1].Split('/')[2];
            for (int number = 1; number <= 4; number++) {
                var request = Request(id, number);
                own.GetStream().Write(request, 0, request.Length);
                own.GetStream().Read(new byte[4096], 0, 4096);
            }
            stream.Write(Answer, 0, Answer.Length);
        }
        client.Close();
        own.Close();
    }

    static void Main(string[] arguments) {
        callee = int.Parse(arguments[1]);
        var listener = new TcpListener(IPAddress.Loopback, int.Parse(arguments[0]));
        listener.Start(256);
        for (;;) {
            var client = listener.AcceptTcpClient();
            client.NoDelay = true;
            if (arguments.Length > 2) new Thread(() => ServeBlocking(client)).Start();
            else Task.Run(() => Serve(client));
        }
    }
}
