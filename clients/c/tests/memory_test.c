/* Memory may run out at every single allocation: calls fail, closures run once, nothing leaks. */
#include <stdlib.h>
#include <string.h>

#include "session.h"
#include "support.h"

/* Allocations until one fails; below 0 = none does. */
static long until_failure = -1;
static bool has_failed_once;

static bool fails_now(void) {
    if (until_failure < 0 || until_failure-- > 0) return false;
    has_failed_once = true;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *pointer, size_t size);
void *__wrap_malloc(size_t size) { return fails_now() ? NULL : __real_malloc(size); }
void *__wrap_calloc(size_t count, size_t size) { return fails_now() ? NULL : __real_calloc(count, size); }
void *__wrap_realloc(void *pointer, size_t size) { return fails_now() ? NULL : __real_realloc(pointer, size); }

static void count_run(const ProtobufCMessage *response, void *data) {
    (void)response;
    ++*(int *)data;
}

/* A conversation in which the allocation after `allocations` others fails. Returns false if there are not as many. */
static bool play(const buffer *stream, long allocations) {
    enum { CALLS = 40 };
    int runs[CALLS] = {0}, begun = 0;
    has_failed_once = false;
    until_failure = allocations;
    session client;
    if (session_init(&client)) {
        Kv__GetRequest request = get_request("key");
        for (; begun < CALLS; begun++) session_begin(&client, 0, &request.base, count_run, &runs[begun], 0);
        session_sent(&client, client.out.byte_count);
        size_t size;
        uint8_t *room = session_room(&client, &size);
        if (room != NULL) {
            CHECK(size >= stream->count);
            memcpy(room, stream->bytes, stream->count);
            session_received(&client, stream->count);
        }
        session_cancel(&client, 30);
        session_end(&client, SHARDKV_CANCELLED, "closed");
        session_deliver(&client);
    }
    session_free(&client);
    until_failure = -1;
    for (int index = 0; index < begun; index++) CHECK(runs[index] == 1);
    return has_failed_once;
}

static void every_allocation_may_fail(void) {
    buffer stream = {0};
    append_hello(&stream, 1 << 20);
    append_value(&stream, 1, "value");
    append_error(&stream, FRAME_RESPONSE, 2, SHARDKV_INTERNAL, SHARDKV_REASON_NONE, "message");
    append_frame(&stream, (frame_header){.type = FRAME_PING}, NULL);
    append_error(&stream, FRAME_GOAWAY, 0, SHARDKV_UNAVAILABLE, SHARDKV_REASON_DRAINING, "bye");
    long allocations = 0;
    while (play(&stream, allocations)) allocations++;
    CHECK(allocations > 80);
    buffer_free(&stream);
}

int main(int count, char **arguments) {
    (void)count;
    RUN(every_allocation_may_fail);
    tests_passed(arguments[0]);
}
