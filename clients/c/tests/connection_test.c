/* Connections over TCP, against a server that each test scripts. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support.h"

/* A server in a thread: takes one connection, reads the preface, plays the script, and closes. */
typedef struct {
    int listener;
    uint16_t port;
    void (*script)(int peer);
    pthread_t thread;
} scripted_server;

static void read_all(int peer, void *bytes, size_t count) {
    CHECK(recv(peer, bytes, count, MSG_WAITALL) == (ssize_t)count);
}

static void write_all(int peer, const void *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        ssize_t written = send(peer, (const uint8_t *)bytes + done, count - done, MSG_NOSIGNAL);
        CHECK(written > 0);
        done += (size_t)written;
    }
}

/* Sends and empties the buffer. */
static void send_buffer(int peer, buffer *out) {
    write_all(peer, out->bytes, out->count);
    buffer_free(out);
}

/* The next frame's header; the payload is appended to `payload` unless that is NULL. */
static frame_header read_frame(int peer, buffer *payload) {
    uint8_t bytes[FRAME_HEADER_BYTES];
    read_all(peer, bytes, sizeof(bytes));
    frame_header header = frame_read(bytes);
    uint8_t *read = malloc(header.length + 1);
    read_all(peer, read, header.length);
    if (payload != NULL) buffer_append(payload, read, header.length);
    free(read);
    return header;
}

static void *serve(void *data) {
    scripted_server *self = data;
    int peer = accept(self->listener, NULL, NULL);
    CHECK(peer >= 0);
    uint8_t preface[sizeof(frame_preface)];
    read_all(peer, preface, sizeof(preface));
    CHECK(memcmp(preface, frame_preface, sizeof(preface)) == 0);
    self->script(peer);
    close(peer);
    return NULL;
}

/* A listener on a free port, which nobody serves yet. */
static scripted_server listen_on_free_port(void) {
    scripted_server self = {.listener = socket(AF_INET, SOCK_STREAM, 0)};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    CHECK(bind(self.listener, (struct sockaddr *)&address, size) == 0 && listen(self.listener, 8) == 0);
    CHECK(getsockname(self.listener, (struct sockaddr *)&address, &size) == 0);
    self.port = ntohs(address.sin_port);
    return self;
}

static shardkv_connection *connect_to(scripted_server *server, void (*script)(int peer)) {
    *server = listen_on_free_port();
    server->script = script;
    CHECK(pthread_create(&server->thread, NULL, serve, server) == 0);
    shardkv_connection *connection = shardkv_connect("127.0.0.1", server->port);
    CHECK(connection != NULL);
    shardkv_set_timeout(connection, 60000);
    return connection;
}

static void stop(scripted_server *server) {
    CHECK(pthread_join(server->thread, NULL) == 0);
    close(server->listener);
}

static void begin_get(shardkv_connection *connection, outcome *result, const char *key) {
    *result = (outcome){.source = shardkv_last_status(connection)};
    Kv__GetRequest request = get_request(key);
    kv__kv__get(shardkv_service(connection), &request, record_get, result);
}

static void answer_two_in_reverse(int peer) {
    buffer out = {0}, payload = {0};
    frame_header first = read_frame(peer, &payload), second = read_frame(peer, NULL);
    CHECK(first.type == FRAME_REQUEST && first.code == 0 && first.auxiliary > 0 && first.auxiliary <= 60000);
    CHECK(payload.count == 7 && memcmp(payload.bytes + 2, "apple", 5) == 0);
    append_hello(&out, 1 << 20);
    append_value(&out, second.request_id, "second");
    append_value(&out, first.request_id, "first");
    send_buffer(peer, &out);
    buffer_free(&payload);
}

static void waiting_runs_all_closures(void) {
    scripted_server server;
    shardkv_connection *connection = connect_to(&server, answer_two_in_reverse);
    CHECK(shardkv_hello(connection) == NULL && shardkv_is_open(connection));
    outcome first, second;
    begin_get(connection, &first, "apple");
    begin_get(connection, &second, "pear");
    CHECK(first.runs == 0 && shardkv_pending(connection) == 2);
    shardkv_wait(connection);
    CHECK(has_value(&first, "first") && has_value(&second, "second"));
    CHECK(shardkv_pending(connection) == 0 && shardkv_hello(connection)->max_payload_bytes == 1 << 20);
    shardkv_close(connection);
    stop(&server);
    outcome_free(&first);
    outcome_free(&second);
}

static void cut_in_a_frame(int peer) {
    buffer out = {0};
    frame_header first = read_frame(peer, NULL);
    append_hello(&out, 1 << 20);
    append_value(&out, first.request_id, "never whole");
    out.count -= 3;
    send_buffer(peer, &out);
}

static void a_cut_connection_fails_its_calls(void) {
    scripted_server server;
    shardkv_connection *connection = connect_to(&server, cut_in_a_frame);
    outcome cut, later;
    begin_get(connection, &cut, "k");
    shardkv_wait(connection);
    CHECK(has_failed(&cut, SHARDKV_UNAVAILABLE, SHARDKV_REASON_INDETERMINATE));
    CHECK(!shardkv_is_open(connection) && shardkv_fd(connection) == -1);
    begin_get(connection, &later, "k");
    CHECK(later.runs == 0 && shardkv_timeout_ms(connection) == 0);
    shardkv_wait(connection);
    CHECK(has_failed(&later, SHARDKV_UNAVAILABLE, SHARDKV_REASON_NONE));
    shardkv_close(connection);
    stop(&server);
}

static void go_away(int peer) {
    buffer out = {0};
    append_error(&out, FRAME_GOAWAY, 0, SHARDKV_RESOURCE_EXHAUSTED, SHARDKV_REASON_OVERLOADED, "too many connections");
    send_buffer(peer, &out);
}

static void the_reason_of_a_goaway_is_told(void) {
    scripted_server server;
    shardkv_connection *connection = connect_to(&server, go_away);
    outcome result;
    begin_get(connection, &result, "k");
    shardkv_wait(connection);
    CHECK(result.runs == 1 && result.status.code == SHARDKV_UNAVAILABLE);
    CHECK(strstr(result.message, "too many connections") != NULL);
    shardkv_close(connection);
    stop(&server);
}

static void go_away_and_reset(int peer) {
    go_away(peer);
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
}

static void what_arrived_counts_when_writing_fails(void) {
    scripted_server server;
    shardkv_connection *connection = connect_to(&server, go_away_and_reset);
    struct pollfd connecting = {.fd = shardkv_fd(connection), .events = POLLOUT};
    CHECK(poll(&connecting, 1, 60000) == 1);
    shardkv_on_writable(connection);
    stop(&server);
    outcome result;
    begin_get(connection, &result, "k");
    shardkv_on_writable(connection);
    CHECK(result.runs == 1 && strstr(result.message, "too many connections") != NULL);
    shardkv_close(connection);
}

static void refused_connections_are_reported_by_calls(void) {
    scripted_server server = listen_on_free_port();
    close(server.listener);
    shardkv_connection *connection = shardkv_connect("127.0.0.1", server.port);
    outcome refused, unresolved;
    begin_get(connection, &refused, "k");
    shardkv_wait(connection);
    CHECK(has_failed(&refused, SHARDKV_UNAVAILABLE, SHARDKV_REASON_NONE));
    shardkv_close(connection);

    connection = shardkv_connect("not an address", 1);
    begin_get(connection, &unresolved, "k");
    shardkv_wait(connection);
    CHECK(has_failed(&unresolved, SHARDKV_UNAVAILABLE, SHARDKV_REASON_NONE));
    shardkv_close(connection);
}

/* Waits until the client closes. */
static void say_nothing(int peer) {
    uint8_t byte;
    while (recv(peer, &byte, 1, 0) > 0) continue;
}

static void silence_ends_at_the_deadline(void) {
    scripted_server server;
    shardkv_connection *connection = connect_to(&server, say_nothing);
    shardkv_set_timeout(connection, 20);
    outcome result;
    begin_get(connection, &result, "k");
    shardkv_wait(connection);
    CHECK(has_failed(&result, SHARDKV_DEADLINE_EXCEEDED, SHARDKV_REASON_INDETERMINATE));
    CHECK(shardkv_is_open(connection));
    shardkv_close(connection);
    stop(&server);
}

static void closing_cancels(void) {
    scripted_server server = listen_on_free_port();
    shardkv_connection *connection = shardkv_connect("127.0.0.1", server.port);
    outcome first, second;
    begin_get(connection, &first, "a");
    uint32_t call = shardkv_last_call(connection);
    begin_get(connection, &second, "b");
    CHECK(shardkv_cancel(connection, call) && !shardkv_cancel(connection, call));
    protobuf_c_service_destroy(shardkv_service(connection));
    CHECK(has_failed(&first, SHARDKV_CANCELLED, SHARDKV_REASON_NONE));
    CHECK(has_failed(&second, SHARDKV_CANCELLED, SHARDKV_REASON_NONE));
    shardkv_close(NULL);
    close(server.listener);
}

enum { LARGE = 8 << 20 };

/* Sends a large answer while the client still sends a large request: both sides must read while they write. */
static void answer_before_reading(int peer) {
    buffer out = {0};
    append_hello(&out, 2 * LARGE);
    write_all(peer, out.bytes, out.count);
    buffer_free(&out);
    frame_header first = read_frame(peer, NULL);
    char *value = malloc(LARGE + 1);
    memset(value, 'v', LARGE);
    value[LARGE] = 0;
    append_value(&out, first.request_id, value);
    free(value);
    send_buffer(peer, &out);
    frame_header second = read_frame(peer, NULL);
    append_frame(&out, (frame_header){.type = FRAME_RESPONSE, .request_id = second.request_id}, NULL);
    send_buffer(peer, &out);
}

static void the_client_reads_while_it_writes(void) {
    scripted_server server;
    shardkv_connection *connection = connect_to(&server, answer_before_reading);
    outcome get, set = {.source = shardkv_last_status(connection)};
    begin_get(connection, &get, "k");
    Kv__SetRequest request = KV__SET_REQUEST__INIT;
    request.key = get_request("k").key;
    request.value = (ProtobufCBinaryData){.len = LARGE, .data = calloc(LARGE, 1)};
    kv__kv__set(shardkv_service(connection), &request, (Kv__SetResponse_Closure)record, &set);
    free(request.value.data);
    shardkv_wait(connection);
    CHECK(get.runs == 1 && get.value.count == LARGE && get.value.bytes[LARGE - 1] == 'v');
    CHECK(set.runs == 1 && set.has_response);
    shardkv_close(connection);
    stop(&server);
    outcome_free(&get);
}

static void echo_slowly(int peer) {
    buffer out = {0};
    append_hello(&out, 1 << 20);
    for (int calls = 0; calls < 20; calls++) {
        frame_header header = read_frame(peer, NULL);
        append_value(&out, header.request_id, "value");
        for (size_t index = 0; index < out.count; index++) write_all(peer, out.bytes + index, 1);
        buffer_free(&out);
    }
}

/* An event loop of the caller's, over several connections at once. */
static void connections_fit_into_an_event_loop(void) {
    enum { COUNT = 3, CALLS = 20 };
    scripted_server servers[COUNT];
    shardkv_connection *connections[COUNT];
    static outcome results[COUNT][CALLS];
    for (int index = 0; index < COUNT; index++) {
        connections[index] = connect_to(&servers[index], echo_slowly);
        for (int call = 0; call < CALLS; call++) begin_get(connections[index], &results[index][call], "k");
    }
    for (size_t pending = 1; pending > 0;) {
        struct pollfd waiting[COUNT];
        int timeout = -1;
        for (int index = 0; index < COUNT; index++) {
            waiting[index] = (struct pollfd){.fd = shardkv_fd(connections[index]),
                                             .events = shardkv_events(connections[index])};
            int own = shardkv_timeout_ms(connections[index]);
            if (own >= 0 && (timeout < 0 || own < timeout)) timeout = own;
        }
        CHECK(poll(waiting, COUNT, timeout) >= 0 || errno == EINTR);
        pending = 0;
        for (int index = 0; index < COUNT; index++) {
            short events = waiting[index].revents;
            if (events & (POLLIN | POLLERR | POLLHUP)) shardkv_on_readable(connections[index]);
            if (events & (POLLOUT | POLLERR | POLLHUP)) shardkv_on_writable(connections[index]);
            shardkv_on_timeout(connections[index]);
            pending += shardkv_pending(connections[index]);
        }
    }
    for (int index = 0; index < COUNT; index++) {
        for (int call = 0; call < CALLS; call++) {
            CHECK(has_value(&results[index][call], "value"));
            outcome_free(&results[index][call]);
        }
        shardkv_close(connections[index]);
        stop(&servers[index]);
    }
}

int main(int count, char **arguments) {
    (void)count;
    RUN(waiting_runs_all_closures);
    RUN(a_cut_connection_fails_its_calls);
    RUN(the_reason_of_a_goaway_is_told);
    RUN(what_arrived_counts_when_writing_fails);
    RUN(refused_connections_are_reported_by_calls);
    RUN(silence_ends_at_the_deadline);
    RUN(closing_cancels);
    RUN(the_client_reads_while_it_writes);
    RUN(connections_fit_into_an_event_loop);
    tests_passed(arguments[0]);
}
