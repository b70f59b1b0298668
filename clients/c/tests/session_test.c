/* The protocol without a socket: what goes out, and what each thing that comes in does. */
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support.h"

/* A session whose server has said HELLO, and the bytes that go between. */
static session client;
static buffer from_server;

static void begin_session(void) {
    CHECK(session_init(&client));
    append_hello(&from_server, 1 << 20);
}

static void end_session(void) {
    session_end(&client, SHARDKV_CANCELLED, "closed");
    session_deliver(&client);
    session_free(&client);
    buffer_free(&from_server);
}

/* Shows the session what the server sent, `piece` bytes at a time. */
static void receive_in_pieces(size_t piece) {
    for (size_t done = 0; done < from_server.count;) {
        size_t size;
        uint8_t *room = session_room(&client, &size);
        CHECK(room != NULL);
        if (size > piece) size = piece;
        if (size > from_server.count - done) size = from_server.count - done;
        memcpy(room, from_server.bytes + done, size);
        session_received(&client, size);
        done += size;
    }
    from_server.count = 0;
    session_deliver(&client);
}

static void receive(void) { receive_in_pieces(SIZE_MAX); }

/* Takes up to `limit` bytes that the session wants to send. */
static buffer take_some(size_t limit) {
    buffer taken = {0};
    while (taken.count < limit && client.out.first != NULL) {
        struct iovec piece;
        CHECK(session_gather(&client, &piece, 1, 0) == 1);
        size_t size = piece.iov_len < limit - taken.count ? piece.iov_len : limit - taken.count;
        buffer_append(&taken, piece.iov_base, size);
        session_sent(&client, size);
    }
    return taken;
}

/* Lets all leave that waits to be sent. */
static void send_all(void) {
    buffer taken = take_some(SIZE_MAX);
    buffer_free(&taken);
}

/* Begins a Get at time 0 and returns its id. */
static uint32_t begin_get(outcome *result) {
    *result = (outcome){.source = &client.status};
    Kv__GetRequest request = get_request("key");
    session_begin(&client, 0, &request.base, (ProtobufCClosure)record_get, result, 0);
    return client.calls.last_id;
}

static void answers_match_by_id_in_any_order(void) {
    begin_session();
    outcome results[50];
    uint32_t ids[50];
    for (int index = 0; index < 50; index++) ids[index] = begin_get(&results[index]);
    CHECK(client.out.byte_count == sizeof(frame_preface) + 50 * (FRAME_HEADER_BYTES + 5));
    send_all();
    CHECK(client.out.byte_count == 0);
    for (int index = 49; index >= 0; index--) {
        char value[16];
        snprintf(value, sizeof(value), "v%d", index);
        append_value(&from_server, ids[index], value);
        append_value(&from_server, ids[index], "a second answer");
        append_value(&from_server, 12345, "an answer to nothing");
    }
    receive();
    for (int index = 0; index < 50; index++) {
        char value[16];
        snprintf(value, sizeof(value), "v%d", index);
        CHECK(has_value(&results[index], value));
        outcome_free(&results[index]);
    }
    end_session();
}

static void streams_may_be_cut_anywhere(void) {
    for (size_t piece = 1; piece < 60; piece++) {
        begin_session();
        outcome first, second;
        uint32_t first_id = begin_get(&first), second_id = begin_get(&second);
        send_all();
        append_frame(&from_server, (frame_header){.type = 77, .length = 9}, "something");
        append_value(&from_server, first_id, "a value that takes more than one piece");
        append_error(&from_server, FRAME_RESPONSE, second_id, SHARDKV_NOT_FOUND, SHARDKV_REASON_NOT_HOSTED, "not here");
        receive_in_pieces(piece);
        CHECK(has_value(&first, "a value that takes more than one piece"));
        CHECK(has_failed(&second, SHARDKV_NOT_FOUND, SHARDKV_REASON_NOT_HOSTED));
        CHECK(strcmp(client.hello->node, "n1") == 0);
        outcome_free(&first);
        end_session();
    }
}

/* What the closure of the next test sees while it runs. */
static void check_details(const Kv__GetResponse *response, void *data) {
    record_get(response, data);
    const shardkv_status *status = ((outcome *)data)->source;
    CHECK(status->details != NULL && status->details->server_time_ms == 1700000000000);
    CHECK(status->details->view->epoch == 8 && status->details->view->n_members == 1);
    CHECK(strcmp(status->details->view->members[0]->address, "10.0.0.2") == 0);
}

static void errors_are_readable_in_the_closure(void) {
    begin_session();
    outcome result = {.source = &client.status};
    Kv__GetRequest request = get_request("key");
    session_begin(&client, 0, &request.base, (ProtobufCClosure)check_details, &result, 0);
    send_all();
    Kv__Member member = KV__MEMBER__INIT, *members[] = {&member};
    member.node = "n2";
    member.address = "10.0.0.2";
    Kv__View view = KV__VIEW__INIT;
    view.epoch = 8;
    view.n_members = 1;
    view.members = members;
    Kv__Error error = KV__ERROR__INIT;
    error.message = "try n2";
    error.server_time_ms = 1700000000000;
    error.view = &view;
    append_message(&from_server,
                   (frame_header){.type = FRAME_RESPONSE, .request_id = client.calls.last_id, .code = 0x010a,
                                  .auxiliary = 25 << 16 | 3},
                   &error);
    receive();
    CHECK(has_failed(&result, SHARDKV_ABORTED, SHARDKV_REASON_WRONG_VIEW));
    CHECK(strcmp(result.message, "try n2") == 0);
    CHECK(result.status.retry_after_ms == 25 && result.status.load == 3);
    CHECK(strcmp(client.status.message, "try n2") == 0);
    end_session();
}

static void unknown_statuses_become_unknown(void) {
    begin_session();
    outcome code, reason, garbage;
    uint32_t code_id = begin_get(&code), reason_id = begin_get(&reason), garbage_id = begin_get(&garbage);
    send_all();
    append_frame(&from_server, (frame_header){.type = FRAME_RESPONSE, .request_id = code_id, .code = 200}, NULL);
    append_frame(&from_server, (frame_header){.type = FRAME_RESPONSE, .request_id = reason_id, .code = 0xc80e}, NULL);
    append_frame(&from_server, (frame_header){.type = FRAME_RESPONSE, .request_id = garbage_id, .code = 5, .length = 2},
                 "\xff\xff");
    receive();
    CHECK(has_failed(&code, SHARDKV_UNKNOWN, SHARDKV_REASON_NONE));
    CHECK(has_failed(&reason, SHARDKV_UNAVAILABLE, SHARDKV_REASON_NONE));
    CHECK(has_failed(&garbage, SHARDKV_NOT_FOUND, SHARDKV_REASON_NONE) && garbage.message[0] == 0);
    end_session();
}

static void deadlines_are_kept_and_told(void) {
    begin_session();
    receive();
    outcome unsent, sent, patient;
    client.timeout_ms = 500;
    begin_get(&sent);
    struct iovec pieces[2];
    CHECK(session_gather(&client, pieces, 2, 120) == 2);
    CHECK(frame_read(pieces[1].iov_base).auxiliary == 380);
    send_all();
    begin_get(&unsent);
    client.timeout_ms = 0;
    begin_get(&patient);
    CHECK(client.next_deadline_ms == 500);
    session_expire(&client, 499);
    CHECK(client.calls.all.count == 3);
    session_expire(&client, 500);
    session_deliver(&client);
    CHECK(has_failed(&sent, SHARDKV_DEADLINE_EXCEEDED, SHARDKV_REASON_INDETERMINATE));
    CHECK(has_failed(&unsent, SHARDKV_DEADLINE_EXCEEDED, SHARDKV_REASON_NONE));
    CHECK(patient.runs == 0 && client.next_deadline_ms == INT64_MAX);
    buffer taken = take_some(SIZE_MAX);
    CHECK(frame_read(taken.bytes).request_id == client.calls.last_id);
    CHECK(taken.count == FRAME_HEADER_BYTES + 5);
    CHECK(frame_read(taken.bytes).auxiliary == 0);
    buffer_free(&taken);
    end_session();
}

static void cancelling_tells_the_server(void) {
    begin_session();
    receive();
    outcome sent, unsent;
    uint32_t sent_id = begin_get(&sent);
    send_all();
    uint32_t unsent_id = begin_get(&unsent);
    CHECK(session_cancel(&client, sent_id) && session_cancel(&client, unsent_id));
    CHECK(!session_cancel(&client, sent_id) && !session_cancel(&client, 999));
    CHECK(sent.runs == 0);
    session_deliver(&client);
    CHECK(has_failed(&sent, SHARDKV_CANCELLED, SHARDKV_REASON_INDETERMINATE));
    CHECK(has_failed(&unsent, SHARDKV_CANCELLED, SHARDKV_REASON_NONE));
    buffer taken = take_some(SIZE_MAX);
    CHECK(taken.count == FRAME_HEADER_BYTES);
    frame_header header = frame_read(taken.bytes);
    CHECK(header.type == FRAME_CANCEL && header.request_id == sent_id && header.length == 0);
    buffer_free(&taken);
    append_value(&from_server, sent_id, "late");
    receive();
    CHECK(sent.runs == 1);
    end_session();
}

static void goaway_ends_what_has_not_left(void) {
    begin_session();
    receive();
    outcome sent, partly, unsent, later;
    uint32_t sent_id = begin_get(&sent);
    send_all();
    uint32_t partly_id = begin_get(&partly);
    begin_get(&unsent);
    buffer some = take_some(10);
    append_error(&from_server, FRAME_GOAWAY, 0, SHARDKV_UNAVAILABLE, SHARDKV_REASON_DRAINING, "shutting down");
    receive();
    CHECK(has_failed(&unsent, SHARDKV_UNAVAILABLE, SHARDKV_REASON_DRAINING));
    CHECK(strstr(unsent.message, "shutting down") != NULL);
    begin_get(&later);
    session_deliver(&client);
    CHECK(has_failed(&later, SHARDKV_UNAVAILABLE, SHARDKV_REASON_DRAINING));
    buffer rest = take_some(SIZE_MAX);
    CHECK(some.count + rest.count == FRAME_HEADER_BYTES + 5);
    buffer_free(&some);
    buffer_free(&rest);
    CHECK(client.phase == SESSION_DRAINING);
    append_value(&from_server, sent_id, "answered");
    append_value(&from_server, partly_id, "answered too");
    receive();
    CHECK(has_value(&sent, "answered") && has_value(&partly, "answered too"));
    CHECK(client.phase == SESSION_ENDED);
    outcome_free(&sent);
    outcome_free(&partly);
    end_session();
}

static void a_lost_connection_tells_what_may_have_happened(void) {
    begin_session();
    outcome sent, unsent, later;
    begin_get(&sent);
    send_all();
    begin_get(&unsent);
    session_end(&client, SHARDKV_UNAVAILABLE, "lost");
    session_end(&client, SHARDKV_UNAVAILABLE, "lost again");
    begin_get(&later);
    session_deliver(&client);
    CHECK(has_failed(&sent, SHARDKV_UNAVAILABLE, SHARDKV_REASON_INDETERMINATE) && strcmp(sent.message, "lost") == 0);
    CHECK(has_failed(&unsent, SHARDKV_UNAVAILABLE, SHARDKV_REASON_NONE));
    CHECK(has_failed(&later, SHARDKV_UNAVAILABLE, SHARDKV_REASON_NONE) && strcmp(later.message, "lost") == 0);
    end_session();
}

static void limits_hold(void) {
    begin_session();
    receive();
    Kv__SetRequest request = KV__SET_REQUEST__INIT;
    request.value = (ProtobufCBinaryData){.len = 1 << 20, .data = calloc(1 << 20, 1)};
    outcome too_large = {.source = &client.status}, long_answer, other;
    session_begin(&client, 1, &request.base, record, &too_large, 0);
    session_deliver(&client);
    CHECK(has_failed(&too_large, SHARDKV_RESOURCE_EXHAUSTED, SHARDKV_REASON_TOO_LARGE));
    free(request.value.data);
    uint32_t id = begin_get(&long_answer);
    begin_get(&other);
    send_all();
    append_frame(&from_server, (frame_header){.type = FRAME_RESPONSE, .request_id = id, .length = (1 << 20) + 1}, NULL);
    receive();
    CHECK(has_failed(&long_answer, SHARDKV_RESOURCE_EXHAUSTED, SHARDKV_REASON_TOO_LARGE));
    CHECK(has_failed(&other, SHARDKV_UNAVAILABLE, SHARDKV_REASON_INDETERMINATE));
    CHECK(client.phase == SESSION_ENDED);
    end_session();

    /* Before HELLO there is a limit too, whatever the frame. */
    CHECK(session_init(&client));
    append_frame(&from_server, (frame_header){.type = FRAME_HELLO, .length = 1 << 30}, NULL);
    receive();
    CHECK(client.phase == SESSION_ENDED);
    end_session();
}

static void memory_follows_what_arrives(void) {
    begin_session();
    receive();
    outcome result;
    uint32_t id = begin_get(&result);
    send_all();
    append_frame(&from_server, (frame_header){.type = FRAME_RESPONSE, .request_id = id, .length = 1 << 20}, NULL);
    receive();
    CHECK(client.input_capacity <= 64 << 10);
    end_session();

    /* What nobody waits for is not stored. */
    begin_session();
    receive();
    append_frame(&from_server, (frame_header){.type = 99, .length = 1 << 20}, NULL);
    uint8_t *junk = calloc(1 << 20, 1);
    buffer_append(&from_server, junk, 1 << 20);
    free(junk);
    append_frame(&from_server, (frame_header){.type = FRAME_PING, .request_id = 7}, NULL);
    receive();
    CHECK(client.input_capacity <= 64 << 10 && client.input_length == 0 && client.ping_count == 1);
    end_session();
}

static void too_much_is_refused(void) {
    begin_session();
    receive();
    static outcome results[SHARDKV_MAX_CALLS + 1];
    for (int index = 0; index <= SHARDKV_MAX_CALLS; index++) begin_get(&results[index]);
    session_deliver(&client);
    CHECK(results[SHARDKV_MAX_CALLS - 1].runs == 0);
    CHECK(has_failed(&results[SHARDKV_MAX_CALLS], SHARDKV_RESOURCE_EXHAUSTED, SHARDKV_REASON_NONE));
    end_session();
    CHECK(has_failed(&results[0], SHARDKV_CANCELLED, SHARDKV_REASON_NONE));
}

static void pings_are_answered(void) {
    begin_session();
    append_frame(&from_server, (frame_header){.type = FRAME_PING, .request_id = 9}, NULL);
    append_frame(&from_server, (frame_header){.type = FRAME_PING, .flags = 1, .request_id = 10}, NULL);
    send_all();
    receive();
    buffer taken = take_some(SIZE_MAX);
    frame_header header = frame_read(taken.bytes);
    CHECK(taken.count == FRAME_HEADER_BYTES);
    CHECK(header.type == FRAME_PING && header.flags == 1 && header.request_id == 9);
    buffer_free(&taken);
    for (int index = 0; index < 100000; index++) append_frame(&from_server, (frame_header){.type = FRAME_PING}, NULL);
    receive();
    CHECK(client.phase == SESSION_ENDED);
    end_session();
}

static void what_servers_must_not_send_is_skipped(void) {
    begin_session();
    outcome result;
    uint32_t id = begin_get(&result);
    append_value(&from_server, id, "an answer before the question");
    append_frame(&from_server, (frame_header){.type = FRAME_REQUEST, .request_id = id, .length = 3}, "abc");
    append_frame(&from_server, (frame_header){.type = FRAME_CANCEL, .request_id = id}, NULL);
    append_hello(&from_server, 7);
    receive();
    CHECK(result.runs == 0 && client.phase == SESSION_OPEN && client.hello->max_payload_bytes == 1 << 20);
    send_all();
    append_value(&from_server, id, "right");
    receive();
    CHECK(has_value(&result, "right"));
    outcome_free(&result);
    end_session();
}

static void hostile_messages_fail_their_call_alone(void) {
    begin_session();
    receive();
    outcome malformed, bomb = {.source = &client.status}, good;
    uint32_t malformed_id = begin_get(&malformed);
    Kv__GetShardContentsRequest request = KV__GET_SHARD_CONTENTS_REQUEST__INIT;
    session_begin(&client, 3, &request.base, record, &bomb, 0);
    uint32_t bomb_id = client.calls.last_id, good_id = begin_get(&good);
    send_all();
    append_frame(&from_server, (frame_header){.type = FRAME_RESPONSE, .request_id = malformed_id, .length = 2},
                 "\x0a\x7f");
    /* Half a million empty records in a megabyte. */
    uint8_t *empties = malloc(1 << 20);
    for (int index = 0; index < 1 << 20; index += 2) {
        empties[index] = 0x0a;
        empties[index + 1] = 0;
    }
    frame_header header = {.type = FRAME_RESPONSE, .request_id = bomb_id, .length = 1 << 20};
    append_frame(&from_server, header, empties);
    free(empties);
    append_value(&from_server, good_id, "good");
    receive();
    CHECK(has_failed(&malformed, SHARDKV_INTERNAL, SHARDKV_REASON_INDETERMINATE));
    CHECK(has_failed(&bomb, SHARDKV_INTERNAL, SHARDKV_REASON_INDETERMINATE));
    CHECK(has_value(&good, "good"));
    outcome_free(&good);
    end_session();

    CHECK(session_init(&client));
    append_frame(&from_server, (frame_header){.type = FRAME_HELLO, .length = 2}, "\x32\x7f");
    receive();
    CHECK(client.phase == SESSION_ENDED);
    end_session();
}

static void ids_that_are_taken_are_left_out(void) {
    begin_session();
    receive();
    outcome first, second, third;
    CHECK(begin_get(&first) == 1);
    client.calls.last_id = UINT32_MAX - 1;
    CHECK(begin_get(&second) == UINT32_MAX);
    client.calls.last_id = 0;
    CHECK(begin_get(&third) == 2);
    end_session();
}

static void begin_another(const Kv__GetResponse *response, void *data) {
    record_get(response, data);
    Kv__GetRequest request = get_request("again");
    if (((outcome *)data)->runs < 5) {
        session_begin(&client, 0, &request.base, (ProtobufCClosure)begin_another, data, 0);
    }
}

static void closures_may_begin_calls(void) {
    begin_session();
    outcome result = {.source = &client.status};
    Kv__GetRequest request = get_request("key");
    session_begin(&client, 0, &request.base, (ProtobufCClosure)begin_another, &result, 0);
    send_all();
    append_value(&from_server, client.calls.last_id, "first");
    receive();
    CHECK(result.runs == 1 && client.calls.all.count == 1);
    session_end(&client, SHARDKV_UNAVAILABLE, "lost");
    /* Each failure begins a call that fails at once: one for each time that failures are delivered. */
    for (int runs = 2; runs < 7; runs++) {
        session_deliver(&client);
        CHECK(result.runs == (runs < 5 ? runs : 5));
    }
    outcome_free(&result);
    end_session();
}

static void hashes_are_those_of_the_contract(void) {
    static const struct {
        const char *key;
        uint32_t hash, of_5, of_8, of_10;
    } rows[] = {
        {"a", 0x050c5d7e, 2, 7, 7}, {"apple", 0x04010657, 4, 8, 4}, {"gr\xc3\xbcn", 0xb5c5249f, 4, 8, 4}};
    for (size_t index = 0; index < 3; index++) {
        const char *key = rows[index].key;
        size_t length = strlen(key);
        CHECK(shardkv_hash(key, length) == rows[index].hash);
        CHECK(shardkv_shard(key, length, 5) == rows[index].of_5);
        CHECK(shardkv_shard(key, length, 8) == rows[index].of_8);
        CHECK(shardkv_shard(key, length, 10) == rows[index].of_10);
    }
    CHECK(shardkv_hash("", 0) == 2166136261u);
    CHECK(shardkv_hash("a\0b", 3) != shardkv_hash("a", 1));
}

static void codes_have_names(void) {
    CHECK(strcmp(shardkv_code_name(SHARDKV_OK), "OK") == 0);
    CHECK(strcmp(shardkv_code_name(SHARDKV_UNAUTHENTICATED), "UNAUTHENTICATED") == 0);
    CHECK(strcmp(shardkv_code_name((shardkv_code)17), "UNKNOWN") == 0);
}

int main(int count, char **arguments) {
    (void)count;
    RUN(answers_match_by_id_in_any_order);
    RUN(streams_may_be_cut_anywhere);
    RUN(errors_are_readable_in_the_closure);
    RUN(unknown_statuses_become_unknown);
    RUN(deadlines_are_kept_and_told);
    RUN(cancelling_tells_the_server);
    RUN(goaway_ends_what_has_not_left);
    RUN(a_lost_connection_tells_what_may_have_happened);
    RUN(limits_hold);
    RUN(memory_follows_what_arrives);
    RUN(too_much_is_refused);
    RUN(pings_are_answered);
    RUN(what_servers_must_not_send_is_skipped);
    RUN(hostile_messages_fail_their_call_alone);
    RUN(ids_that_are_taken_are_left_out);
    RUN(closures_may_begin_calls);
    RUN(hashes_are_those_of_the_contract);
    RUN(codes_have_names);
    tests_passed(arguments[0]);
}
