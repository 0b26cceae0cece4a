// One thread that serves requests by turns: a call, a timer, a second call, the answer. It waits by poll(), by epoll, or by
// io_uring, which also reads and writes. Arguments: port, the callee's port, the way; a third number starts a poller that
// calls every 5 ms on the same thread.
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 4096, BYTES = 8192, LATE_MS = 2, POLL_MS = 5 };

struct peer {
  int request;     // of a connection to the callee: the request's connection, -1 for the poller's
  int step;        // of a request: calls made so far
  char id[64];
  double due;      // when the second call is to be made, 0: not waiting
  char in[BYTES];
};

static struct peer peers[SOCKETS];
static int listener, callee, idle[SOCKETS], idle_count;
static struct io_uring ring;
static struct pollfd polled[SOCKETS];
static int epoll, last_descriptor;
static char way;

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e3 + time.tv_nsec / 1e6;
}

static int loopback(int port, int listens) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  int one = 1, socket_ = socket(AF_INET, SOCK_STREAM, 0);
  setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  int failed = listens ? bind(socket_, (void *)&address, sizeof address) || listen(socket_, 256)
                       : connect(socket_, (void *)&address, sizeof address);
  if (failed) { perror("socket"); exit(1); }
  return socket_;
}

// Asks for the next bytes of a socket, or for the next connection.
static void watch(int socket_) {
  if (socket_ > last_descriptor) last_descriptor = socket_;
  if (way == 'p') polled[socket_] = (struct pollfd){socket_, POLLIN, 0};
  if (way == 'e') {
    struct epoll_event event = {EPOLLIN, {.fd = socket_}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, socket_, &event);
  }
  if (way != 'u') return;
  struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
  if (socket_ == listener) io_uring_prep_accept(entry, socket_, NULL, NULL, 0);
  else io_uring_prep_recv(entry, socket_, peers[socket_].in, BYTES - 1, 0);
  io_uring_sqe_set_data64(entry, socket_);
}

static void forget(int socket_) {
  if (way == 'p') polled[socket_].fd = -1;
  close(socket_);
}

static void put(int socket_, const char *text) {
  if (way != 'u') {
    if (write(socket_, text, strlen(text)) < 0) perror("write");
    return;
  }
  struct io_uring_sqe *entry = io_uring_get_sqe(&ring);
  char *copy = strdup(text);
  io_uring_prep_send(entry, socket_, copy, strlen(copy), 0);
  io_uring_sqe_set_data(entry, copy);
}

static void call(int request, const char *id, int number) {
  char text[256];
  int socket_ = idle_count ? idle[--idle_count] : loopback(callee, 0);
  int is_new = peers[socket_].in[BYTES - 1] == 0;
  peers[socket_].request = request;
  snprintf(text, sizeof text, "GET /down/%s/%d HTTP/1.1\r\nHost: callee\r\n\r\n", id, number);
  if (is_new || way == 'u') watch(socket_);
  peers[socket_].in[BYTES - 1] = 1;
  put(socket_, text);
}

static void taken(int socket_, int length) {
  struct peer *peer = &peers[socket_];
  if (peer->in[BYTES - 1] == 1) {  // an answer of the callee
    if (length <= 0) { peer->in[BYTES - 1] = 0; forget(socket_); return; }
    idle[idle_count++] = socket_;
    if (peer->request < 0) return;
    struct peer *request = &peers[peer->request];
    if (request->step++ == 1) request->due = now() + LATE_MS;
    else put(peer->request, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    return;
  }
  if (length <= 0) { forget(socket_); return; }
  peer->in[length] = 0;
  sscanf(peer->in, "GET /serve/%63s", peer->id);
  peer->step = 1;
  call(socket_, peer->id, 1);
  if (way == 'u') watch(socket_);
}

static void accepted(int socket_) {
  if (socket_ < 0 || socket_ >= SOCKETS) return;
  memset(&peers[socket_], 0, sizeof peers[socket_]);
  watch(socket_);
}

static void ready(int socket_) {
  if (socket_ == listener) accepted(accept(listener, NULL, NULL));
  else taken(socket_, read(socket_, peers[socket_].in, BYTES - 1));
}

static void once(void) {
  if (way == 'p') {
    poll(polled, last_descriptor + 1, 1);
    for (int i = 0; i <= last_descriptor; i++)
      if (polled[i].fd >= 0 && polled[i].revents) ready(i);
  }
  if (way == 'e') {
    struct epoll_event events[64];
    int count = epoll_wait(epoll, events, 64, 1);
    for (int i = 0; i < count; i++) ready(events[i].data.fd);
  }
  if (way != 'u') return;
  struct io_uring_cqe *completion;
  struct __kernel_timespec wait = {0, 1000000};
  io_uring_submit_and_wait_timeout(&ring, &completion, 1, &wait, NULL);
  while (io_uring_peek_cqe(&ring, &completion) == 0) {
    unsigned long long data = completion->user_data;
    int result = completion->res;
    io_uring_cqe_seen(&ring, completion);
    if (data == LIBURING_UDATA_TIMEOUT) continue;
    if (data >= SOCKETS) free((void *)data);
    else if ((int)data == listener) { accepted(result); watch(listener); }
    else taken((int)data, result);
  }
}

int main(int count, char **arguments) {
  if (count < 4) return 1;
  signal(SIGPIPE, SIG_IGN);
  callee = atoi(arguments[2]);
  way = arguments[3][0];
  for (int i = 0; i < SOCKETS; i++) polled[i].fd = -1;
  epoll = epoll_create1(0);
  if (way == 'u' && io_uring_queue_init(4096, &ring, 0) < 0) { perror("io_uring"); return 1; }
  listener = loopback(atoi(arguments[1]), 1);
  watch(listener);
  double next = now();
  char poller[64];
  snprintf(poller, sizeof poller, "background.%s", count > 4 ? arguments[4] : "");
  for (int number = 1;;) {
    once();
    for (int i = 0; i <= last_descriptor; i++)
      if (peers[i].due && peers[i].due <= now()) { peers[i].due = 0; call(i, peers[i].id, 2); }
    if (count > 4 && now() >= next) { next = now() + POLL_MS; call(-1, poller, number++); }
  }
}
