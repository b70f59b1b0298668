/* Against a real server, the program that SHARDKV_BINARY names: what a client writes it reads back, and no bytes that
 * a client may send harm the server. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "server_process.h"
#include "support.h"

static server_process server;
static shardkv_connection *connection;

static void connect_to_server(void) {
    connection = shardkv_connect("127.0.0.1", server.port);
    shardkv_set_timeout(connection, 60000);
}

static outcome set_now(ProtobufCBinaryData key, ProtobufCBinaryData value, int64_t ttl_ms) {
    outcome result = {.source = shardkv_last_status(connection)};
    Kv__SetRequest request = KV__SET_REQUEST__INIT;
    request.key = key;
    request.value = value;
    request.ttl_ms = ttl_ms;
    kv__kv__set(shardkv_service(connection), &request, (Kv__SetResponse_Closure)record, &result);
    shardkv_wait(connection);
    return result;
}

static outcome get_now(ProtobufCBinaryData key) {
    outcome result = {.source = shardkv_last_status(connection)};
    Kv__GetRequest request = KV__GET_REQUEST__INIT;
    request.key = key;
    kv__kv__get(shardkv_service(connection), &request, record_get, &result);
    shardkv_wait(connection);
    return result;
}

static outcome delete_now(ProtobufCBinaryData key) {
    outcome result = {.source = shardkv_last_status(connection)};
    Kv__DeleteRequest request = KV__DELETE_REQUEST__INIT;
    request.key = key;
    kv__kv__delete(shardkv_service(connection), &request, (Kv__DeleteResponse_Closure)record, &result);
    shardkv_wait(connection);
    return result;
}

static void values_of_any_size_and_bytes_come_back(void) {
    uint8_t key[256];
    for (int index = 0; index < 256; index++) key[index] = (uint8_t)index;
    static const size_t sizes[] = {0, 1, 255, 4096, 65536, 1 << 20, 16 << 20};
    uint8_t *bytes = malloc(16 << 20);
    for (size_t index = 0; index < 16 << 20; index++) bytes[index] = (uint8_t)(index * 7 + index / 256);
    for (size_t index = 0; index < sizeof(sizes) / sizeof(*sizes); index++) {
        ProtobufCBinaryData name = {.len = 256 - index, .data = key};
        outcome set = set_now(name, (ProtobufCBinaryData){.len = sizes[index], .data = bytes}, 0);
        CHECK(set.runs == 1 && set.has_response);
        outcome get = get_now(name);
        CHECK(get.runs == 1 && get.was_found && get.value.count == sizes[index]);
        CHECK(sizes[index] == 0 || memcmp(get.value.bytes, bytes, sizes[index]) == 0);
        outcome_free(&get);
        outcome gone = delete_now(name);
        CHECK(gone.runs == 1 && gone.has_response);
        get = get_now(name);
        CHECK(get.runs == 1 && get.has_response && !get.was_found);
    }
    free(bytes);
}

static void the_server_explains_what_it_refuses(void) {
    outcome empty = get_now((ProtobufCBinaryData){0});
    CHECK(has_failed(&empty, SHARDKV_INVALID_ARGUMENT, SHARDKV_REASON_NONE) && strstr(empty.message, "empty") != NULL);
    outcome negative = set_now(get_request("k").key, get_request("v").key, -1);
    CHECK(has_failed(&negative, SHARDKV_INVALID_ARGUMENT, SHARDKV_REASON_NONE));
    const Kv__Hello *hello = shardkv_hello(connection);
    CHECK(hello != NULL && strcmp(hello->node, "n1") == 0 && hello->protocol_version == 1);
    Kv__SetRequest request = KV__SET_REQUEST__INIT;
    request.value = (ProtobufCBinaryData){.len = hello->max_payload_bytes, .data = calloc(hello->max_payload_bytes, 1)};
    outcome too_large = set_now(get_request("k").key, request.value, 0);
    free(request.value.data);
    CHECK(has_failed(&too_large, SHARDKV_RESOURCE_EXHAUSTED, SHARDKV_REASON_TOO_LARGE));
}

static void many_calls_share_the_connection(void) {
    enum { COUNT = 2000 };
    static outcome results[COUNT];
    static char keys[COUNT][16];
    for (int index = 0; index < COUNT; index++) {
        snprintf(keys[index], sizeof(keys[index]), "key%d", index);
        results[index] = (outcome){.source = shardkv_last_status(connection)};
        Kv__SetRequest set = KV__SET_REQUEST__INIT;
        set.key = set.value = get_request(keys[index]).key;
        kv__kv__set(shardkv_service(connection), &set, (Kv__SetResponse_Closure)record, &results[index]);
        Kv__GetRequest get = get_request(keys[index]);
        kv__kv__get(shardkv_service(connection), &get, record_get, &results[index]);
    }
    shardkv_wait(connection);
    for (int index = 0; index < COUNT; index++) {
        CHECK(results[index].runs == 2 && results[index].value.count == strlen(keys[index]));
        CHECK(memcmp(results[index].value.bytes, keys[index], results[index].value.count) == 0);
        outcome_free(&results[index]);
    }
}

/* Pages of a shard: how many records came, and the token of the next page. */
typedef struct {
    size_t records;
    buffer token;
} pages;

static void count_records(const Kv__GetShardContentsResponse *response, void *data) {
    pages *self = data;
    CHECK(response != NULL);
    self->records += response->n_values;
    self->token.count = 0;
    buffer_append(&self->token, response->next_page_token.data, response->next_page_token.len);
}

static void check_status(const Kv__GetStatusResponse *response, void *data) {
    CHECK(response != NULL && strcmp(response->node, "n1") == 0 && response->n_shards == 2);
    for (size_t index = 0; index < response->n_shards; index++) {
        CHECK(response->shards[index]->state == KV__SHARD_STATE__SERVING);
        *(uint64_t *)data += response->shards[index]->keys;
    }
}

static void contents_come_in_pages(void) {
    uint64_t keys = 0;
    Kv__GetStatusRequest status = KV__GET_STATUS_REQUEST__INIT;
    kv__kv__get_status(shardkv_service(connection), &status, check_status, &keys);
    shardkv_wait(connection);
    pages found = {0};
    size_t page_count = 0;
    for (int shard = 1; shard <= 2; shard++) {
        do {
            Kv__GetShardContentsRequest request = KV__GET_SHARD_CONTENTS_REQUEST__INIT;
            request.shard = shard;
            request.max_page_bytes = 1000;
            request.page_token = (ProtobufCBinaryData){.len = found.token.count, .data = found.token.bytes};
            kv__kv__get_shard_contents(shardkv_service(connection), &request, count_records, &found);
            shardkv_wait(connection);
            page_count++;
        } while (found.token.count > 0);
    }
    CHECK(keys == 2000 && found.records == keys && page_count > 10);
    buffer_free(&found.token);
}

static uint64_t seed = 2463534242;

static size_t below(size_t bound) { return (size_t)(random_next(&seed) % bound); }

/* In an honest stream. */
enum { REQUESTS = 24 };

/* The preface and requests of all kinds. */
static buffer honest_requests(void) {
    buffer stream = {0};
    buffer_append(&stream, frame_preface, sizeof(frame_preface));
    Kv__GetRequest get = get_request("fuzz");
    get.with_metadata = true;
    Kv__SetRequest set = KV__SET_REQUEST__INIT;
    set.key = set.value = get.key;
    set.ttl_ms = 100;
    set.version_time = set.version_writer = 7;
    Kv__DeleteRequest delete = KV__DELETE_REQUEST__INIT;
    delete.key = get.key;
    Kv__GetShardContentsRequest contents = KV__GET_SHARD_CONTENTS_REQUEST__INIT;
    contents.shard = 1;
    contents.max_page_bytes = 500;
    contents.page_token = get.key;
    Kv__GetStatusRequest status = KV__GET_STATUS_REQUEST__INIT;
    const void *messages[] = {&get, &set, &delete, &contents, &status};
    for (uint32_t id = 0; id < 10; id++) {
        frame_header header = {
            .type = FRAME_REQUEST, .code = (uint16_t)(id % 5), .request_id = id, .auxiliary = 100};
        append_message(&stream, header, messages[id % 5]);
        /* A CANCEL of what is still to come: one of what came before would take it out of its batch, unanswered. */
        append_frame(&stream, (frame_header){.type = id % 2 ? FRAME_PING : FRAME_CANCEL, .request_id = id + 1}, NULL);
    }
    /* What servers ask each other: text, a number and a nested message in the fields that most of these have. */
    static const uint8_t fields[] = {0x0a, 2, 'n', '2', 0x11, 7, 0, 0, 0, 0, 0, 0, 0, 0x1a, 2, 0x08, 1};
    for (uint32_t id = 10; id < REQUESTS; id++) {
        frame_header header = {.length = sizeof(fields), .type = FRAME_REQUEST, .request_id = id, .auxiliary = 100};
        header.code = (uint16_t)(0x100 + (id - 10) % kv__peer__descriptor.n_methods);
        append_frame(&stream, header, fields);
    }
    return stream;
}

static void mutate(buffer *stream) {
    /* Mostly after the preface: a wrong one hides the rest. */
    for (size_t changes = below(6); changes > 0; changes--) {
        size_t place = below(20) == 0 ? below(8) : 8 + below(stream->count - 8);
        if (below(4) == 0) {
            size_t length = 1 + below(12);
            if (length > stream->count - place) length = stream->count - place;
            memmove(stream->bytes + place, stream->bytes + place + length, stream->count - place - length);
            stream->count -= length;
        } else {
            uint8_t *byte = &stream->bytes[place];
            *byte = below(2) ? (uint8_t)random_next(&seed) : *byte ^ (uint8_t)(1 << below(8));
        }
        if (stream->count < 64) return;
    }
}

/* Sends the bytes and reads what comes: frames that servers send, until GOAWAY or the end. Returns the RESPONSEs. */
static size_t provoke(const buffer *stream) {
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(server.port)};
    struct timeval limit = {.tv_sec = 20};
    setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    CHECK(connect(peer, (struct sockaddr *)&address, sizeof(address)) == 0);
    send(peer, stream->bytes, stream->count, MSG_NOSIGNAL);
    shutdown(peer, SHUT_WR);
    size_t responses = 0;
    uint8_t bytes[FRAME_HEADER_BYTES];
    while (recv(peer, bytes, sizeof(bytes), MSG_WAITALL) == sizeof(bytes)) {
        frame_header header = frame_read(bytes);
        CHECK(header.type == FRAME_HELLO || header.type == FRAME_RESPONSE || header.type == FRAME_PING ||
              header.type == FRAME_GOAWAY);
        CHECK(header.length <= 1 << 20);
        responses += header.type == FRAME_RESPONSE;
        if (header.type == FRAME_GOAWAY) break;
        uint8_t *payload = malloc(header.length + 1);
        CHECK(recv(peer, payload, header.length, MSG_WAITALL) == (ssize_t)header.length);
        free(payload);
    }
    close(peer);
    return responses;
}

static void hostile_clients_do_no_harm(void) {
    outcome healthy = set_now(get_request("healthy").key, get_request("still here").key, 0);
    CHECK(healthy.has_response);
    buffer honest = honest_requests();
    CHECK(provoke(&honest) == REQUESTS);
    unsigned long rounds = fuzz_iterations(1000), incomplete = 0;
    for (unsigned long round = 0; round < rounds; round++) {
        buffer stream = {0};
        buffer_append(&stream, honest.bytes, honest.count);
        mutate(&stream);
        incomplete += provoke(&stream) < REQUESTS;
        buffer_free(&stream);
        if (round % 50 == 0) {
            outcome result = get_now(get_request("healthy").key);
            CHECK(has_value(&result, "still here"));
            outcome_free(&result);
        }
    }
    CHECK(server_is_alive(&server));
    outcome result = get_now(get_request("healthy").key);
    CHECK(has_value(&result, "still here"));
    outcome_free(&result);
    /* Else the mutations reach nothing. */
    CHECK(incomplete > rounds / 8);
    buffer_free(&honest);
}

static void a_server_that_stops_says_so(void) {
    CHECK(server_stop(&server));
    outcome result = get_now(get_request("healthy").key);
    CHECK(result.runs == 1 && result.status.code == SHARDKV_UNAVAILABLE);
    CHECK(!shardkv_is_open(connection));
}

int main(int count, char **arguments) {
    (void)count;
    const char *binary = getenv("SHARDKV_BINARY");
    if (binary == NULL || binary[0] == 0) {
        printf("server_test: skipped, for SHARDKV_BINARY names no server\n");
        return 0;
    }
    server = server_start(binary);
    connect_to_server();
    RUN(values_of_any_size_and_bytes_come_back);
    RUN(the_server_explains_what_it_refuses);
    RUN(many_calls_share_the_connection);
    RUN(contents_come_in_pages);
    RUN(hostile_clients_do_no_harm);
    RUN(a_server_that_stops_says_so);
    shardkv_close(connection);
    tests_passed(arguments[0]);
}
