// The floor of every comparison: the smallest single-threaded epoll loop that answers each request
// with a constant.
//
// It reads, counts the empty lines that end requests, and writes as many copies of one answer of
// the size that the command line gives; of a connection it knows only how many bytes it owes it. It
// looks at nothing else, so no server that does any work per request can cost less.
//
// Usage: floor VALUE_BYTES; prints its port.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  const size_t value_bytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
  const std::string answer =
      "HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 16:06:25 GMT\r\nContent-Type: "
      "application/octet-stream\r\n"
      "X-Content-Type-Options: nosniff\r\nContent-Length: " +
      std::to_string(value_bytes) + "\r\nAge: 0\r\nCache-Status: redis-proxy; hit\r\n\r\n" +
      std::string(value_bytes, 'x');
  std::string answers = answer;
  while (answers.size() < 65536) answers += answer;
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  const int on = 1;
  setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t address_bytes = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener, 4096) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &address_bytes) != 0) {
    std::perror("floor");
    return 1;
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  // Each connection is registered once, edge-triggered; level-triggered, it would have to say when
  // it wants to write and when not.
  const int epoll_fd = epoll_create1(0);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener;
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  static char buffer[65536];
  static epoll_event events[256];
  static size_t owed[65536];
  for (;;) {
    const int count = epoll_wait(epoll_fd, events, 256, -1);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == listener) {
        event.data.fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (event.data.fd < 0) continue;
        owed[event.data.fd] = 0;
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, event.data.fd, &event);
        continue;
      }
      size_t& owes = owed[fd];
      if ((events[i].events & EPOLLIN) != 0) {
        const ssize_t got = read(fd, buffer, sizeof(buffer));
        if (got <= 0) {
          close(fd);
          continue;
        }
        const std::string_view requests(buffer, static_cast<size_t>(got));
        for (size_t end = 0; (end = requests.find("\r\n\r\n", end)) != std::string_view::npos;
             end += 4)
          owes += answer.size();
      }
      while (owes > 0) {
        const size_t begin = (answer.size() - owes % answer.size()) % answer.size();
        const size_t bytes = std::min(owes, answers.size() - begin);
        const ssize_t wrote = write(fd, answers.data() + begin, bytes);
        if (wrote <= 0) break;
        owes -= static_cast<size_t>(wrote);
      }
    }
  }
}
