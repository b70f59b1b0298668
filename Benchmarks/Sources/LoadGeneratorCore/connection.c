#include "connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"

uint8_t *buffer_reserve(Buffer *buffer, size_t count) {
    if (buffer->start > 0 && (buffer->start == buffer->end || buffer->capacity - buffer->end < count)) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->end - buffer->start);
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->capacity - buffer->end < count) {
        buffer->capacity = 2 * buffer->capacity > buffer->end + count ? 2 * buffer->capacity : buffer->end + count;
        buffer->bytes = realloc(buffer->bytes, buffer->capacity);
        if (buffer->bytes == NULL) {
            fputs("load-generator: out of memory\n", stderr);
            exit(2);
        }
    }
    return buffer->bytes + buffer->end;
}

static bool parse_address(const char *host, uint16_t port, struct sockaddr_in *address) {
    *address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port) };
    return inet_pton(AF_INET, host, &address->sin_addr) == 1;
}

int connect_to(const char *host, uint16_t port) {
    struct sockaddr_in address;
    if (!parse_address(host, port, &address)) return -1;
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) {
        close(descriptor);
        return -1;
    }
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    return descriptor;
}

uint16_t free_port(void) {
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    parse_address("127.0.0.1", 0, &address);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    bool is_bound = descriptor >= 0 && bind(descriptor, (struct sockaddr *)&address, length) == 0
        && getsockname(descriptor, (struct sockaddr *)&address, &length) == 0;
    close(descriptor);
    return is_bound ? ntohs(address.sin_port) : 0;
}

Connection connection_open(const Options *options) {
    Connection connection = { .socket = connect_to(options->host, options->port) };
    if (connection.socket < 0) {
        fprintf(stderr, "load-generator: connecting to %s:%d: %s\n", options->host, options->port, strerror(errno));
        exit(2);
    }
    fcntl(connection.socket, F_SETFL, O_NONBLOCK);
    // In the open loop, what the server is behind by waits in the ring: a second's worth, within reason.
    uint32_t needed = options->depth;
    if (options->rate > 0) needed = (uint32_t)(options->rate / options->connections) + 64;
    uint32_t size = 1;
    while (size < needed && size < 1 << 16) size *= 2;
    connection.ring = calloc(size, sizeof(Waiting));
    connection.ring_mask = size - 1;
    if (connection.ring == NULL) exit(2);
    size_t preface_bytes = options->protocol->preface_bytes;
    if (preface_bytes > 0) {
        memcpy(buffer_reserve(&connection.output, preface_bytes), options->protocol->preface, preface_bytes);
        connection.output.end += preface_bytes;
    }
    return connection;
}

bool connection_flush(Connection *connection) {
    Buffer *output = &connection->output;
    while (output->start < output->end) {
        ssize_t sent = send(
            connection->socket, output->bytes + output->start, output->end - output->start, MSG_NOSIGNAL
        );
        if (sent < 0) return errno == EAGAIN || errno == EINTR;
        output->start += (size_t)sent;
    }
    return true;
}

/// One Get over a connection of its own; true if the answer is no error.
static bool server_answers(const Options *options) {
    int descriptor = connect_to(options->host, options->port);
    if (descriptor < 0) return false;
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_sec = 1 }, sizeof(struct timeval));
    RequestContext context = { .now = milliseconds_since_1970() };
    uint8_t request[64 + MAX_REQUEST_OVERHEAD], answer[4096];
    size_t count = options->protocol->preface_bytes;
    if (count > 0) memcpy(request, options->protocol->preface, count);
    count += options->protocol->encode(&context, &(Request){ .value_bytes = 32 }, request + count);
    bool is_answered = send(descriptor, request, count, MSG_NOSIGNAL) == (ssize_t)count;
    Reply reply = { .kind = REPLY_NOTICE };
    size_t start = 0, end = 0;
    while (is_answered && reply.kind == REPLY_NOTICE) {
        ptrdiff_t taken = options->protocol->decode(answer + start, end - start, &reply);
        if (taken > 0) {
            start += (size_t)taken;
            continue;
        }
        ssize_t received = taken < 0 ? -1 : recv(descriptor, answer + end, sizeof answer - end, 0);
        is_answered = received > 0;
        end += (size_t)received;
    }
    close(descriptor);
    return is_answered && reply.kind != REPLY_ERROR;
}

bool wait_for_server(const Options *options, double seconds) {
    uint64_t end = nanoseconds() + (uint64_t)(seconds * 1e9);
    while (!server_answers(options)) {
        if (nanoseconds() > end) return false;
        usleep(10000);
    }
    return true;
}
