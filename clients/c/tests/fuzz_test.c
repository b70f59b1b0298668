/* Whatever a server sends, each closure runs exactly once, and memory stays bounded. Errors of memory show under the
 * sanitizers and valgrind. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"
#include "support.h"

enum { CALLS = 6 };

static uint64_t seed = 88172645463325252;

static size_t below(size_t bound) { return (size_t)(random_next(&seed) % bound); }

/* A stream as an honest server might send it in answer to calls 1…CALLS. */
static buffer honest_stream(void) {
    buffer stream = {0};
    append_hello(&stream, 1 << 16);
    append_value(&stream, 1, "a value");
    append_frame(&stream, (frame_header){.type = FRAME_RESPONSE, .request_id = 2}, NULL);
    Kv__GetShardContentsResponse__GetShardValue record = KV__GET_SHARD_CONTENTS_RESPONSE__GET_SHARD_VALUE__INIT;
    Kv__GetShardContentsResponse__GetShardValue *records[] = {&record, &record, &record};
    record.key = record.value = (ProtobufCBinaryData){.len = 5, .data = (uint8_t *)"bytes"};
    record.ttl_ms_remaining = 100000;
    record.kind = KV__RECORD_KIND__EXPIRED;
    Kv__GetShardContentsResponse contents = KV__GET_SHARD_CONTENTS_RESPONSE__INIT;
    contents.n_values = 3;
    contents.values = records;
    contents.next_page_token = record.key;
    append_message(&stream, (frame_header){.type = FRAME_RESPONSE, .request_id = 3}, &contents);
    Kv__ShardStatus shard = KV__SHARD_STATUS__INIT, *shards[] = {&shard, &shard};
    shard.source = "n2";
    shard.n_awaited = 2;
    shard.awaited = (char *[]){"n3", "n4"};
    Kv__GetStatusResponse status = KV__GET_STATUS_RESPONSE__INIT;
    status.node = "n1";
    status.n_shards = 2;
    status.shards = shards;
    append_message(&stream, (frame_header){.type = FRAME_RESPONSE, .request_id = 4}, &status);
    Kv__Member member = KV__MEMBER__INIT, *members[] = {&member, &member};
    member.node = member.address = "127.0.0.1";
    Kv__View view = KV__VIEW__INIT;
    view.n_members = 2;
    view.members = members;
    Kv__Error error = KV__ERROR__INIT;
    error.message = "moved";
    error.view = &view;
    append_message(&stream, (frame_header){.type = FRAME_RESPONSE, .request_id = 5, .code = 0x070e}, &error);
    append_frame(&stream, (frame_header){.type = FRAME_PING, .request_id = 3}, NULL);
    append_message(&stream, (frame_header){.type = FRAME_GOAWAY, .code = 0x090e}, &error);
    append_value(&stream, 6, "the last one");
    return stream;
}

/* Changes, doubles or drops some bytes. */
static void mutate(buffer *stream) {
    for (size_t changes = below(8); changes > 0; changes--) {
        size_t place = below(stream->count), length = 1 + below(20);
        if (length > stream->count - place) length = stream->count - place;
        switch (below(5)) {
        case 0: stream->bytes[place] ^= (uint8_t)(1 << below(8)); break;
        case 1: stream->bytes[place] = (uint8_t)random_next(&seed); break;
        case 2: stream->bytes[place] = below(2) ? 0xff : 0; break;
        case 3: {
            uint8_t copied[20];
            memcpy(copied, stream->bytes + place, length);
            buffer_append(stream, copied, length);
            break;
        }
        default:
            if (stream->count <= length) break;
            memmove(stream->bytes + place, stream->bytes + place + length, stream->count - place - length);
            stream->count -= length;
            break;
        }
    }
}

/* Returns how many calls got a response. */
static int play(const buffer *stream) {
    session client;
    CHECK(session_init(&client));
    outcome results[CALLS];
    Kv__GetRequest get = get_request("key");
    const ProtobufCMessage *requests[CALLS] = {
        &get.base, &(Kv__SetRequest)KV__SET_REQUEST__INIT.base,
        &(Kv__GetShardContentsRequest)KV__GET_SHARD_CONTENTS_REQUEST__INIT.base,
        &(Kv__GetStatusRequest)KV__GET_STATUS_REQUEST__INIT.base, &get.base, &get.base};
    static const unsigned methods[CALLS] = {0, 1, 3, 4, 0, 0};
    for (int index = 0; index < CALLS; index++) {
        results[index] = (outcome){.source = &client.status};
        ProtobufCClosure closure = methods[index] == 0 ? (ProtobufCClosure)record_get : record;
        session_begin(&client, methods[index], requests[index], closure, &results[index], 0);
    }
    struct iovec pieces[CALLS + 1];
    CHECK(session_gather(&client, pieces, CALLS + 1, 0) == CALLS + 1);
    session_sent(&client, client.out.byte_count);
    for (size_t done = 0; done < stream->count && client.phase != SESSION_ENDED;) {
        size_t size, piece = 1 + below(below(2) ? 8 : 4096);
        uint8_t *room = session_room(&client, &size);
        if (size > piece) size = piece;
        if (size > stream->count - done) size = stream->count - done;
        memcpy(room, stream->bytes + done, size);
        session_received(&client, size);
        session_deliver(&client);
        done += size;
    }
    session_expire(&client, SHARDKV_DEFAULT_TIMEOUT_MS);
    session_deliver(&client);
    CHECK(client.calls.all.count == 0 && client.failed.count == 0);
    CHECK(client.input_capacity <= 256 << 10);
    session_end(&client, SHARDKV_CANCELLED, "closed");
    session_free(&client);
    int responses = 0;
    for (int index = 0; index < CALLS; index++) {
        CHECK(results[index].runs == 1);
        responses += results[index].has_response;
        outcome_free(&results[index]);
    }
    return responses;
}

static void hostile_streams_do_no_harm(void) {
    buffer honest = honest_stream();
    CHECK(play(&honest) == CALLS - 1);
    unsigned long lost = 0, rounds = fuzz_iterations(20000);
    for (unsigned long round = 0; round < rounds; round++) {
        buffer stream = {0};
        buffer_append(&stream, honest.bytes, honest.count);
        mutate(&stream);
        lost += play(&stream) < CALLS - 1;
        buffer_free(&stream);
    }
    /* Else the mutations reach nothing. */
    CHECK(lost > rounds / 4);
    buffer_free(&honest);
}

int main(int count, char **arguments) {
    (void)count;
    RUN(hostile_streams_do_no_harm);
    tests_passed(arguments[0]);
}
