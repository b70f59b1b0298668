#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *current_test = "?";
static int test_count;

void check_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "FAILED %s, %s:%d: %s\n", current_test, file, line, condition);
    exit(1);
}

void test_begins(const char *name) {
    current_test = name;
    test_count++;
}

void tests_passed(const char *program) {
    const char *name = strrchr(program, '/');
    printf("%s: %d tests passed\n", name != NULL ? name + 1 : program, test_count);
}

unsigned long fuzz_iterations(unsigned long usual) {
    const char *wanted = getenv("SHARDKV_FUZZ_ITERATIONS");
    return wanted != NULL ? strtoul(wanted, NULL, 10) : usual;
}

uint64_t random_next(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void buffer_append(buffer *self, const void *bytes, size_t count) {
    if (count == 0) return;
    if (self->count + count > self->capacity) {
        self->capacity = 2 * (self->count + count);
        self->bytes = realloc(self->bytes, self->capacity);
        CHECK(self->bytes != NULL);
    }
    memcpy(self->bytes + self->count, bytes, count);
    self->count += count;
}

void buffer_free(buffer *self) {
    free(self->bytes);
    *self = (buffer){0};
}

void append_frame(buffer *self, frame_header header, const void *payload) {
    uint8_t bytes[FRAME_HEADER_BYTES];
    frame_write(bytes, &header);
    buffer_append(self, bytes, sizeof(bytes));
    buffer_append(self, payload, payload != NULL ? header.length : 0);
}

void append_message(buffer *self, frame_header header, const void *message) {
    size_t length = protobuf_c_message_get_packed_size(message);
    uint8_t *payload = malloc(length + 1);
    CHECK(payload != NULL);
    header.length = (uint32_t)protobuf_c_message_pack(message, payload);
    append_frame(self, header, payload);
    free(payload);
}

void append_hello(buffer *self, uint32_t max_payload) {
    Kv__Hello hello = KV__HELLO__INIT;
    hello.protocol_version = 1;
    hello.max_payload_bytes = max_payload;
    hello.node = "n1";
    append_message(self, (frame_header){.type = FRAME_HELLO}, &hello);
}

void append_value(buffer *self, uint32_t id, const char *value) {
    Kv__GetResponse response = KV__GET_RESPONSE__INIT;
    response.was_found = true;
    response.value = (ProtobufCBinaryData){.len = strlen(value), .data = (uint8_t *)value};
    append_message(self, (frame_header){.type = FRAME_RESPONSE, .request_id = id}, &response);
}

void append_error(buffer *self, uint8_t type, uint32_t id, shardkv_code code, shardkv_reason reason,
                  const char *message) {
    Kv__Error error = KV__ERROR__INIT;
    error.message = (char *)message;
    uint16_t status = (uint16_t)(code | reason << 8);
    append_message(self, (frame_header){.type = type, .request_id = id, .code = status}, &error);
}

void record(const ProtobufCMessage *response, void *data) {
    outcome *self = data;
    self->runs++;
    self->status = *self->source;
    snprintf(self->message, sizeof(self->message), "%s", self->source->message);
    self->has_response = response != NULL;
}

void record_get(const Kv__GetResponse *response, void *data) {
    outcome *self = data;
    record((const ProtobufCMessage *)response, data);
    if (response == NULL) return;
    self->was_found = response->was_found;
    buffer_free(&self->value);
    buffer_append(&self->value, response->value.data, response->value.len);
}

void outcome_free(outcome *self) { buffer_free(&self->value); }

bool has_value(const outcome *self, const char *value) {
    return self->runs == 1 && self->has_response && self->was_found && self->status.code == SHARDKV_OK &&
           self->value.count == strlen(value) && memcmp(self->value.bytes, value, self->value.count) == 0;
}

bool has_failed(const outcome *self, shardkv_code code, shardkv_reason reason) {
    return self->runs == 1 && !self->has_response && self->status.code == code && self->status.reason == reason;
}

Kv__GetRequest get_request(const char *key) {
    Kv__GetRequest request = KV__GET_REQUEST__INIT;
    request.key = (ProtobufCBinaryData){.len = strlen(key), .data = (uint8_t *)key};
    return request;
}
