// The floor: a server that does nothing but receive and send what a key-value server would. A request is a kv frame
// whose auxiliary word says how many payload bytes its reply has. One thread, one epoll, one recv and one send a pass.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bytes.h"
#include "connection.h"

enum { SHARED_BYTES = 1 << 20, EVENTS = 256, FRAME_RESPONSE = 3 };

static int epoll;
static uint8_t input[2 * SHARED_BYTES];
static const uint8_t payload[SHARED_BYTES];

static void hang_up(Connection *connection) {
    close(connection->socket);
    free(connection->output.bytes);
    free(connection->partial.bytes);
    free(connection);
}

static void send_waiting(Connection *connection) {
    if (!connection_flush(connection)) return;
    bool wants_write = connection->output.start < connection->output.end;
    if (wants_write == connection->wants_write) return;
    connection->wants_write = wants_write;
    // While its replies queue, a connection is not read from.
    struct epoll_event event = { .events = wants_write ? EPOLLOUT : EPOLLIN, .data.ptr = connection };
    epoll_ctl(epoll, EPOLL_CTL_MOD, connection->socket, &event);
}

static void answer(Connection *connection, const uint8_t *request) {
    uint32_t reply_bytes = load32(request + 12);
    uint8_t *reply = buffer_reserve(&connection->output, FRAME_HEADER_BYTES + reply_bytes);
    store32(reply, reply_bytes);
    store32(reply + 4, FRAME_RESPONSE);
    store32(reply + 8, load32(request + 8));
    store32(reply + 12, 0);
    memcpy(reply + FRAME_HEADER_BYTES, payload, reply_bytes);
    connection->output.end += FRAME_HEADER_BYTES + reply_bytes;
}

/// Returns false when the connection has ended.
static bool receive(Connection *connection) {
    Buffer *partial = &connection->partial;
    size_t kept = partial->end;
    if (kept > 0) memcpy(input, partial->bytes, kept);
    partial->end = 0;
    ssize_t received = recv(connection->socket, input + kept, SHARED_BYTES, 0);
    if (received <= 0) return received < 0 && errno == EAGAIN;
    size_t end = kept + (size_t)received, start = 0;
    while (end - start >= FRAME_HEADER_BYTES) {
        size_t frame_bytes = FRAME_HEADER_BYTES + (size_t)load32(input + start);
        if (frame_bytes > SHARED_BYTES || load32(input + start + 12) > SHARED_BYTES) return false;
        if (frame_bytes > end - start) break;
        answer(connection, input + start);
        start += frame_bytes;
    }
    if (start < end) {
        memcpy(buffer_reserve(partial, end - start), input + start, end - start);
        partial->end = end - start;
    }
    send_waiting(connection);
    return true;
}

static void accept_all(int listener) {
    for (int descriptor; (descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        Connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL) exit(2);
        connection->socket = descriptor;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event);
    }
}

int main(int count, char **arguments) {
    int port = count == 3 && strcmp(arguments[1], "--port") == 0 ? atoi(arguments[2]) : 0;
    if (port <= 0 || port > 65535) {
        fputs("usage: echo-server --port N\n", stderr);
        return 2;
    }
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1024) < 0) {
        perror("echo-server");
        return 2;
    }
    epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN };
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct epoll_event events[EVENTS];
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int index = 0; index < ready; index++) {
            Connection *connection = events[index].data.ptr;
            if (connection == NULL) accept_all(listener);
            else if (events[index].events & EPOLLOUT) send_waiting(connection);
            else if (!receive(connection)) hang_up(connection);
        }
    }
}
