// Boost.Asio: coroutines on two threads with a timer between the calls, or a thread a connection with blocking calls.
// Arguments: port, the callee's port, "async" or "sync".
#include <utility>

#include <boost/asio.hpp>
#include <chrono>
#include <string>
#include <thread>

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::use_awaitable;

static tcp::endpoint callee;
static const std::string answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static std::string request(const std::string &id, int number) {
  return "GET /down/" + id + "/" + std::to_string(number) + " HTTP/1.1\r\nHost: callee\r\n\r\n";
}

// The second part of the path of a request whose head is read.
static std::string number_of(const std::string &head) {
  auto begin = head.find("/serve/") + 7;
  return head.substr(begin, head.find(' ', begin) - begin);
}

static asio::awaitable<void> call(tcp::socket &socket, std::string id, int number) {
  std::string text = request(id, number), in;
  co_await asio::async_write(socket, asio::buffer(text), use_awaitable);
  co_await asio::async_read_until(socket, asio::dynamic_buffer(in), "\r\n\r\nok", use_awaitable);
}

static asio::awaitable<void> serve(tcp::socket socket) {
  auto executor = co_await asio::this_coro::executor;
  try {
    tcp::socket own(executor);
    co_await own.async_connect(callee, use_awaitable);
    for (std::string in;; in.clear()) {
      co_await asio::async_read_until(socket, asio::dynamic_buffer(in), "\r\n\r\n", use_awaitable);
      std::string id = number_of(in);
      co_await call(own, id, 1);
      asio::steady_timer timer(executor, std::chrono::milliseconds(1 + rand() % 5));
      co_await timer.async_wait(use_awaitable);
      co_await call(own, id, 2);
      co_await asio::async_write(socket, asio::buffer(answer), use_awaitable);
    }
  } catch (const std::exception &) {
  }
}

static asio::awaitable<void> listen(tcp::acceptor &acceptor) {
  for (;;) {
    auto socket = co_await acceptor.async_accept(use_awaitable);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket)), asio::detached);
  }
}

static void serve_blocking(tcp::socket socket) {
  try {
    tcp::socket own(socket.get_executor());
    own.connect(callee);
    for (std::string in;; in.clear()) {
      asio::read_until(socket, asio::dynamic_buffer(in), "\r\n\r\n");
      for (int number = 1; number <= 2; number++) {
        std::string text = request(number_of(in), number), back;
        asio::write(own, asio::buffer(text));
        asio::read_until(own, asio::dynamic_buffer(back), "\r\n\r\nok");
      }
      asio::write(socket, asio::buffer(answer));
    }
  } catch (const std::exception &) {
  }
}

int main(int count, char **arguments) {
  if (count < 4) return 1;
  asio::io_context context;
  auto loopback = asio::ip::address_v4::loopback();
  callee = {loopback, (unsigned short)std::stoi(arguments[2])};
  tcp::acceptor acceptor(context, {loopback, (unsigned short)std::stoi(arguments[1])});
  if (arguments[3] == std::string("sync"))
    for (;;) std::thread(serve_blocking, acceptor.accept()).detach();
  asio::co_spawn(context, listen(acceptor), asio::detached);
  std::thread second([&] { context.run(); });
  context.run();
}
