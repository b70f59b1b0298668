/* What the tests share: checks, frames as a server writes them, and closures that remember what happened. */
#ifndef SHARDKV_TESTS_SUPPORT_H
#define SHARDKV_TESTS_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"
#include "shardkv.h"

/* Ends the program with exit code 1 unless the condition holds. */
#define CHECK(condition) ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition))
_Noreturn void check_failed(const char *file, int line, const char *condition);

/* Runs a test, whose name a failure shows. */
#define RUN(test) (test_begins(#test), test())
void test_begins(const char *name);
/* Says how many ran, as the last thing of a program. */
void tests_passed(const char *program);

/* How often a fuzz test repeats: SHARDKV_FUZZ_ITERATIONS, or `usual`. */
unsigned long fuzz_iterations(unsigned long usual);

/* A generator of pseudo-random numbers (xorshift64); its state must not be 0. */
uint64_t random_next(uint64_t *state);

/* Growing bytes; all 0 = empty. */
typedef struct {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
} buffer;

void buffer_append(buffer *self, const void *bytes, size_t count);
void buffer_free(buffer *self);

void append_frame(buffer *self, frame_header header, const void *payload);
void append_message(buffer *self, frame_header header, const void *message);
/* A HELLO with this limit. */
void append_hello(buffer *self, uint32_t max_payload);
/* The RESPONSE to a Get. */
void append_value(buffer *self, uint32_t id, const char *value);
/* The RESPONSE, or GOAWAY, with this status. */
void append_error(buffer *self, uint8_t type, uint32_t id, shardkv_code code, shardkv_reason reason,
                  const char *message);

/* What became of a call. */
typedef struct {
    /* Of the connection or session that the call is begun on. */
    const shardkv_status *source;
    int runs;
    /* Copied when the closure ran; `message` is cut. */
    shardkv_status status;
    char message[64];
    bool has_response;
    bool was_found;
    buffer value;
} outcome;

/* Closures, whose data is an outcome. */
void record_get(const Kv__GetResponse *response, void *data);
void record(const ProtobufCMessage *response, void *data);
void outcome_free(outcome *self);
/* The closure ran once, with the value. */
bool has_value(const outcome *self, const char *value);
/* The closure ran once, without a response. */
bool has_failed(const outcome *self, shardkv_code code, shardkv_reason reason);

Kv__GetRequest get_request(const char *key);

#endif
