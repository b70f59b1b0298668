// One connection: its socket, the bytes on their way in and out, and the requests that wait for a reply.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"

typedef struct {
    uint8_t *bytes;
    size_t start, end, capacity;
} Buffer;

/// Room for `count` more bytes at the end.
uint8_t *buffer_reserve(Buffer *buffer, size_t count);

typedef struct {
    /// When it was sent (closed loop) or due (open loop), in monotonic nanoseconds.
    uint64_t started;
    uint64_t key;
    uint32_t value_bytes;
    uint8_t operation;
    bool is_waiting;
} Waiting;

typedef struct {
    int socket;
    /// A request's place in `ring` is its number modulo the ring's size, a power of two.
    Waiting *ring;
    uint32_t ring_mask;
    /// The number of the next request, and of the oldest without a reply.
    uint32_t next, oldest;
    uint32_t waiting;
    bool wants_write;
    /// Bytes not sent yet, and the incomplete reply at the input's end.
    Buffer output, partial;
} Connection;

/// Connects and queues the protocol's preface. Ends the process with status 2 on failure.
Connection connection_open(const Options *options);

/// Sends what the socket takes; false on an error.
bool connection_flush(Connection *connection);

/// A TCP connection, blocking; -1 on failure.
int connect_to(const char *host, uint16_t port);

/// A port of the loopback interface that nobody listens on just now; 0 on failure.
uint16_t free_port(void);

/// Waits until the server answers a request without an error; false after `seconds`.
bool wait_for_server(const Options *options, double seconds);
