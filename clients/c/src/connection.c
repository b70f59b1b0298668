/* A session over a TCP socket. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "session.h"

/* Pieces in one write. */
enum { GATHER_COUNT = 64 };

struct shardkv_connection {
    /* First, so that the stubs' pointer to it is one to the connection. */
    ProtobufCService service;
    session session;
    /* -1 = none. */
    int socket;
    bool is_connecting;
    /* Of the server; those from `next_address` on were not tried yet. */
    struct addrinfo *addresses;
    struct addrinfo *next_address;
};

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_socket(shardkv_connection *self) {
    if (self->socket >= 0) close(self->socket);
    self->socket = -1;
}

static void end(shardkv_connection *self, const char *what, int error) {
    char message[200];
    snprintf(message, sizeof(message), "%s: %s", what, strerror(error));
    session_end(&self->session, SHARDKV_UNAVAILABLE, message);
}

/* After whatever happened: no socket without a session, then the closures. */
static void settle(shardkv_connection *self) {
    if (self->session.phase == SESSION_ENDED) close_socket(self);
    session_deliver(&self->session);
}

/* Begins to connect to the next address; ends the session, with the last one's error, when there is none. */
static void connect_next(shardkv_connection *self, int error) {
    close_socket(self);
    for (struct addrinfo *address; (address = self->next_address) != NULL;) {
        self->next_address = address->ai_next;
        self->socket = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                              address->ai_protocol);
        if (self->socket >= 0) {
            int on = 1;
            setsockopt(self->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            self->is_connecting = connect(self->socket, address->ai_addr, address->ai_addrlen) < 0;
            if (!self->is_connecting || errno == EINPROGRESS) return;
        }
        error = errno;
        close_socket(self);
    }
    end(self, "cannot connect", error);
}

static void finish_connecting(shardkv_connection *self) {
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(self->socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
    if (error != 0) {
        connect_next(self, error);
        return;
    }
    /* Without an error the connection stands, or is still being made: the address of the other side tells. */
    struct sockaddr_storage peer;
    size = sizeof(peer);
    self->is_connecting = getpeername(self->socket, (struct sockaddr *)&peer, &size) < 0;
}

/* Takes in what has arrived, up to a buffer's worth. Returns false if that was nothing. */
static bool receive(shardkv_connection *self) {
    size_t size;
    uint8_t *room = session_room(&self->session, &size);
    if (room == NULL) {
        end(self, "cannot receive", ENOMEM);
        return false;
    }
    ssize_t count = recv(self->socket, room, size, 0);
    if (count > 0) {
        session_received(&self->session, (size_t)count);
    } else if (count == 0) {
        session_end(&self->session, SHARDKV_UNAVAILABLE, "the server closed the connection");
    } else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
        end(self, "the connection is lost", errno);
    }
    return count > 0;
}

static void flush(shardkv_connection *self) {
    while (self->session.out.first != NULL) {
        struct iovec pieces[GATHER_COUNT];
        struct msghdr message = {.msg_iov = pieces};
        message.msg_iovlen = (size_t)session_gather(&self->session, pieces, GATHER_COUNT, now_ms());
        ssize_t count = sendmsg(self->socket, &message, MSG_NOSIGNAL);
        if (count >= 0) {
            session_sent(&self->session, (size_t)count);
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR) {
            int error = errno;
            /* What the server answered before, and why it ends the connection, may have arrived. */
            while (self->session.phase != SESSION_ENDED && receive(self)) continue;
            end(self, "the connection is lost", error);
        }
    }
}

static bool can_transfer(const shardkv_connection *self) { return self->socket >= 0 && !self->is_connecting; }

static void begin_call(ProtobufCService *service, unsigned index, const ProtobufCMessage *request,
                       ProtobufCClosure closure, void *data) {
    session_begin(&((shardkv_connection *)service)->session, index, request, closure, data, now_ms());
}

static void destroy_service(ProtobufCService *service) { shardkv_close((shardkv_connection *)service); }

shardkv_connection *shardkv_connect(const char *address, uint16_t port) {
    shardkv_connection *self = malloc(sizeof(shardkv_connection));
    if (self == NULL) return NULL;
    *self = (shardkv_connection){
        .service = {.descriptor = &kv__kv__descriptor, .invoke = begin_call, .destroy = destroy_service},
        .socket = -1,
    };
    if (!session_init(&self->session)) {
        free(self);
        return NULL;
    }
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int failure = getaddrinfo(address, service, &hints, &self->addresses);
    if (failure == 0) {
        self->next_address = self->addresses;
        connect_next(self, 0);
    } else {
        session_end(&self->session, SHARDKV_UNAVAILABLE, gai_strerror(failure));
    }
    return self;
}

void shardkv_close(shardkv_connection *self) {
    if (self == NULL) return;
    assert(!self->session.in_closure);
    session_end(&self->session, SHARDKV_CANCELLED, "the connection was closed");
    while (self->session.failed.count > 0) session_deliver(&self->session);
    close_socket(self);
    session_free(&self->session);
    if (self->addresses != NULL) freeaddrinfo(self->addresses);
    free(self);
}

ProtobufCService *shardkv_service(shardkv_connection *self) { return &self->service; }

void shardkv_set_timeout(shardkv_connection *self, uint32_t milliseconds) { self->session.timeout_ms = milliseconds; }

void shardkv_set_max_payload(shardkv_connection *self, uint32_t bytes) { self->session.max_payload = bytes; }

uint32_t shardkv_last_call(const shardkv_connection *self) { return self->session.calls.last_id; }

bool shardkv_cancel(shardkv_connection *self, uint32_t call) { return session_cancel(&self->session, call); }

const shardkv_status *shardkv_last_status(const shardkv_connection *self) { return &self->session.status; }

size_t shardkv_pending(const shardkv_connection *self) {
    return self->session.calls.all.count + self->session.failed.count;
}

bool shardkv_is_open(const shardkv_connection *self) { return self->session.phase == SESSION_OPEN; }

const Kv__Hello *shardkv_hello(const shardkv_connection *self) { return self->session.hello; }

int shardkv_fd(const shardkv_connection *self) { return self->socket; }

short shardkv_events(const shardkv_connection *self) {
    if (self->socket < 0) return 0;
    if (self->is_connecting) return POLLOUT;
    return self->session.out.first != NULL ? POLLIN | POLLOUT : POLLIN;
}

int shardkv_timeout_ms(const shardkv_connection *self) {
    if (self->session.failed.count > 0) return 0;
    if (self->session.next_deadline_ms == INT64_MAX) return -1;
    int64_t left = self->session.next_deadline_ms - now_ms();
    return left <= 0 ? 0 : left < INT_MAX ? (int)left : INT_MAX;
}

void shardkv_on_readable(shardkv_connection *self) {
    assert(!self->session.in_closure);
    if (can_transfer(self)) receive(self);
    settle(self);
}

void shardkv_on_writable(shardkv_connection *self) {
    assert(!self->session.in_closure);
    if (self->is_connecting) finish_connecting(self);
    if (can_transfer(self)) flush(self);
    settle(self);
}

void shardkv_on_timeout(shardkv_connection *self) {
    assert(!self->session.in_closure);
    session_expire(&self->session, now_ms());
    settle(self);
}

void shardkv_wait(shardkv_connection *self) {
    while (shardkv_pending(self) > 0) {
        /* Most often there is room to write at once, and the poll then waits for the answer alone. */
        shardkv_on_writable(self);
        struct pollfd waiting = {.fd = shardkv_fd(self), .events = shardkv_events(self)};
        if (shardkv_pending(self) == 0 || poll(&waiting, 1, shardkv_timeout_ms(self)) < 0) continue;
        if (waiting.revents & (POLLIN | POLLERR | POLLHUP)) shardkv_on_readable(self);
        shardkv_on_timeout(self);
    }
}
