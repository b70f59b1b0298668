#include "load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"

enum { INPUT_BYTES = 1 << 20, MAX_UNSENT_BYTES = 1 << 20, EVENTS = 256 };

typedef enum { PHASE_WARMUP, PHASE_MEASURE, PHASE_DRAIN } Phase;

typedef struct {
    const Options *options;
    const Protocol *protocol;
    Result *result;
    RequestContext context;
    KeyChooser keys;
    uint64_t random;
    Connection *connections;
    int epoll;
    uint8_t *input;
    Phase phase;
    uint64_t window_start, window_end;
    /// Requests that may still be sent, and all that wait for a reply.
    uint64_t to_send, waiting;
    /// Open loop: when the next request is due, the time between two, and whose turn it is.
    double due, interval;
    uint32_t turn;
} Load;

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "load-generator: %s\n", what);
    exit(2);
}

static void count_error(Load *load, const char *what, const Waiting *request, const Reply *reply) {
    if (load->result->errors++ > 0) return;
    static const char *const names[] = { "get", "set", "delete" };
    int count = reply->kind == REPLY_ERROR ? (int)(reply->count < 80 ? reply->count : 80) : 0;
    snprintf(
        load->result->first_error, sizeof load->result->first_error, "%s of key %llu: %s%s%.*s",
        names[request->operation], (unsigned long long)request->key, what, count > 0 ? ": " : "", count,
        (const char *)reply->bytes
    );
}

static void check(Load *load, const Waiting *request, const Reply *reply) {
    switch (reply->kind) {
    case REPLY_ERROR: return count_error(load, "failed", request, reply);
    case REPLY_MISSING: return count_error(load, "not found", request, reply);
    case REPLY_DONE:
        if (request->operation == OPERATION_GET) count_error(load, "not found", request, reply);
        return;
    case REPLY_SUPERSEDED:
        load->result->superseded++;
        if (request->operation == OPERATION_GET) count_error(load, "answered as a write", request, reply);
        return;
    case REPLY_ECHO:
        if (reply->count != kv_reply_payload_bytes((Operation)request->operation, request->value_bytes)) {
            count_error(load, "wrong length", request, reply);
        }
        return;
    case REPLY_VALUE:
        if (request->operation != OPERATION_GET) return count_error(load, "answered by a value", request, reply);
        if (reply->count != request->value_bytes) return count_error(load, "wrong length", request, reply);
        if (!is_value(request->key, load->context.pattern, request->value_bytes, reply->bytes)) {
            count_error(load, "wrong value", request, reply);
        }
        return;
    case REPLY_NOTICE: return;
    }
}

/// A key near `key` that no other connection writes. Two connections that write one key at once overtake each other,
/// and a write that comes too late is not stored: cheaper than what is to be measured.
static uint64_t own_key(const Load *load, const Connection *connection, uint64_t key) {
    uint64_t count = load->options->connections;
    if (load->options->distribution != DISTRIBUTION_UNIFORM || load->options->keys < count) return key;
    uint64_t own = key - key % count + (uint64_t)(connection - load->connections);
    return own < load->options->keys ? own : own - count;
}

static void issue(Load *load, Connection *connection, uint64_t started) {
    Operation operation = OPERATION_SET;
    if (load->options->command == COMMAND_DELETE) operation = OPERATION_DELETE;
    else if (load->options->get_percent == 100) operation = OPERATION_GET;
    else if (load->options->get_percent > 0
             && (int)random_below(&load->random, 100) < load->options->get_percent) operation = OPERATION_GET;
    Request request = { .operation = operation, .id = connection->next, .key = choose_key(&load->keys) };
    if (operation == OPERATION_SET) request.key = own_key(load, connection, request.key);
    request.value_bytes = value_size(&load->options->value_sizes, request.key);

    Waiting *place = &connection->ring[connection->next++ & connection->ring_mask];
    *place = (Waiting){ .started = started, .key = request.key, .value_bytes = request.value_bytes,
                        .operation = (uint8_t)operation, .is_waiting = true };
    uint8_t *bytes = buffer_reserve(&connection->output, request.value_bytes + MAX_REQUEST_OVERHEAD);
    connection->output.end += load->protocol->encode(&load->context, &request, bytes);
    connection->waiting++;
    load->waiting++;
    load->to_send--;
}

static void flush(Load *load, Connection *connection) {
    if (!connection_flush(connection)) fail("the server closed a connection");
    bool wants_write = connection->output.start < connection->output.end;
    if (wants_write == connection->wants_write) return;
    connection->wants_write = wants_write;
    struct epoll_event event = { .events = EPOLLIN | (wants_write ? EPOLLOUT : 0), .data.ptr = connection };
    epoll_ctl(load->epoll, EPOLL_CTL_MOD, connection->socket, &event);
}

/// The closed loop's next round of one connection.
static void issue_round(Load *load, Connection *connection, uint64_t now) {
    for (uint32_t count = 0; count < load->options->depth && load->to_send > 0; count++) issue(load, connection, now);
    flush(load, connection);
}

/// The open loop's requests that are due by now, on the connections in turn.
static void issue_due(Load *load, uint64_t now) {
    uint32_t count = load->options->connections, first = load->turn, touched = 0;
    while (load->due <= (double)now && load->to_send > 0) {
        Connection *connection = &load->connections[load->turn];
        bool is_full = connection->ring[connection->next & connection->ring_mask].is_waiting
            || connection->output.end - connection->output.start > MAX_UNSENT_BYTES;
        // The server is far behind. The request stays due, and its latency goes on growing.
        if (is_full) break;
        issue(load, connection, (uint64_t)load->due);
        load->due += load->interval;
        load->turn = (load->turn + 1) % count;
        touched++;
    }
    for (uint32_t index = 0; index < touched && index < count; index++) {
        flush(load, &load->connections[(first + index) % count]);
    }
}

/// The request that a reply answers; NULL if none of this connection waits for it.
static Waiting *waiting_for(Load *load, Connection *connection, const Reply *reply) {
    uint32_t number = load->protocol->has_ids ? reply->id : connection->oldest;
    if (connection->next - number - 1 > connection->ring_mask) return NULL;
    Waiting *request = &connection->ring[number & connection->ring_mask];
    return request->is_waiting ? request : NULL;
}

static void take_reply(Load *load, Connection *connection, const Reply *reply, uint64_t now) {
    if (reply->kind == REPLY_NOTICE) return;
    Waiting *request = waiting_for(load, connection, reply);
    if (request == NULL) {
        if (reply->kind == REPLY_ERROR) fprintf(stderr, "%.*s\n", (int)reply->count, (const char *)reply->bytes);
        fail("a reply to no request");
    }
    check(load, request, reply);
    request->is_waiting = false;
    connection->oldest++;
    connection->waiting--;
    load->waiting--;
    if (load->phase != PHASE_MEASURE) return;
    load->result->operations++;
    histogram_record(&load->result->latencies, now > request->started ? now - request->started : 0);
}

static void receive(Load *load, Connection *connection) {
    // An incomplete reply moves to the front of the shared input, and what arrives goes behind it.
    Buffer *partial = &connection->partial;
    size_t kept = partial->end;
    if (kept > 0) memcpy(load->input, partial->bytes, kept);
    partial->end = 0;
    ssize_t received = recv(connection->socket, load->input + kept, INPUT_BYTES, 0);
    if (received == 0 || (received < 0 && errno != EAGAIN && errno != EINTR)) fail("the server closed a connection");
    size_t end = kept + (received > 0 ? (size_t)received : 0), start = 0;
    uint64_t now = nanoseconds();
    while (start < end) {
        Reply reply;
        ptrdiff_t taken = load->protocol->decode(load->input + start, end - start, &reply);
        if (taken < 0) fail("a reply that is none of this protocol");
        if (taken == 0) break;
        take_reply(load, connection, &reply, now);
        start += (size_t)taken;
    }
    if (start < end) {
        if (end - start > INPUT_BYTES * 80) fail("a reply too long");
        memcpy(buffer_reserve(partial, end - start), load->input + start, end - start);
        partial->end = end - start;
    }
    if (connection->waiting == 0 && load->options->rate == 0 && load->to_send > 0) {
        issue_round(load, connection, now);
    }
}

static void measure_cpu(Load *load) {
    Result *result = load->result;
    if (load->options->pid > 0) {
        uint64_t time = cpu_nanoseconds(load->options->pid);
        if (time == 0) fail("no CPU time of the server's process");
        result->server_cpu_nanoseconds = time - result->server_cpu_nanoseconds;
    }
    result->generator_cpu_nanoseconds = nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID) - result->generator_cpu_nanoseconds;
}

/// Opens and closes the measured window. Returns false when all is done.
static bool advance(Load *load, uint64_t now) {
    const Options *options = load->options;
    if (load->phase == PHASE_WARMUP && now >= load->window_start) {
        measure_cpu(load);
        load->phase = PHASE_MEASURE;
        load->window_start = nanoseconds();
        load->window_end = load->window_start + (uint64_t)(options->seconds * 1e9);
    }
    bool is_over = options->requests > 0 ? load->to_send == 0 && load->waiting == 0 : now >= load->window_end;
    if (load->phase == PHASE_MEASURE && is_over) {
        load->result->seconds = (double)(nanoseconds() - load->window_start) / 1e9;
        measure_cpu(load);
        load->phase = PHASE_DRAIN;
        load->to_send = 0;
    }
    return load->phase != PHASE_DRAIN || load->waiting > 0;
}

/// How long the loop may sleep: until a request is due, or the window begins or ends.
static struct timespec sleep_time(const Load *load, uint64_t now) {
    uint64_t until = load->phase == PHASE_WARMUP ? load->window_start : load->window_end;
    if (load->options->requests > 0 || load->phase == PHASE_DRAIN) until = now + 100000000;
    if (load->options->rate > 0 && load->to_send > 0 && (uint64_t)load->due < until) until = (uint64_t)load->due;
    uint64_t time = until > now ? until - now : 0;
    return (struct timespec){ .tv_sec = (time_t)(time / 1000000000), .tv_nsec = (long)(time % 1000000000) };
}

static void open_connections(Load *load) {
    const Options *options = load->options;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    load->connections = calloc(options->connections, sizeof(Connection));
    if (load->connections == NULL) fail("out of memory");
    for (uint32_t index = 0; index < options->connections; index++) {
        Connection *connection = &load->connections[index];
        *connection = connection_open(options);
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };
        if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, connection->socket, &event) < 0) fail("epoll_ctl failed");
        flush(load, connection);
    }
}

void load_run(const Options *options, Result *result) {
    uint8_t *pattern = malloc(options->value_sizes.max + 1);
    // A reply of 64 MiB may arrive in pieces: its first part, and the next of INPUT_BYTES.
    uint8_t *input = malloc(81 * (size_t)INPUT_BYTES);
    if (pattern == NULL || input == NULL) fail("out of memory");
    uint64_t random = options->seed;
    for (uint32_t place = 0; place < options->value_sizes.max; place++) pattern[place] = (uint8_t)random_next(&random);
    memset(result, 0, sizeof *result);
    Load load = {
        .options = options, .protocol = options->protocol, .result = result, .input = input, .random = random,
        .context = { .pattern = pattern, .ttl_milliseconds = options->ttl_milliseconds,
                     .ttl_spread_milliseconds = options->ttl_spread_milliseconds, .view = options->view,
                     .writer = mix(nanoseconds() ^ (uint64_t)getpid()) | 1, .now = milliseconds_since_1970() },
        .keys = key_chooser(options->distribution, options->keys, options->first, options->stride, random),
        .epoll = epoll_create1(EPOLL_CLOEXEC),
        .to_send = options->requests > 0 ? options->requests : UINT64_MAX,
    };
    open_connections(&load);

    uint64_t now = nanoseconds();
    load.window_start = now + (uint64_t)(options->warmup_seconds * 1e9);
    load.due = (double)now;
    load.interval = options->rate > 0 ? 1e9 / options->rate : 0;
    advance(&load, now);
    for (uint32_t index = 0; options->rate == 0 && index < options->connections; index++) {
        issue_round(&load, &load.connections[index], nanoseconds());
    }
    while (advance(&load, now = nanoseconds())) {
        load.context.now = milliseconds_since_1970();
        if (options->rate > 0) issue_due(&load, now);
        struct timespec time = sleep_time(&load, now);
        struct epoll_event events[EVENTS];
        int count = epoll_pwait2(load.epoll, events, EVENTS, &time, NULL);
        if (count < 0 && errno != EINTR) fail("epoll_pwait2 failed");
        for (int index = 0; index < count; index++) {
            Connection *connection = events[index].data.ptr;
            if (events[index].events & EPOLLOUT) flush(&load, connection);
            if (events[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(&load, connection);
        }
    }
}
