#include "session_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "frame.h"

/* No server takes a longer payload. */
static const size_t longest_payload = (size_t)1 << 30;

bool session_init(session *self) {
    *self = (session){
        .timeout_ms = SHARDKV_DEFAULT_TIMEOUT_MS,
        .max_payload = SHARDKV_DEFAULT_MAX_PAYLOAD,
        .next_deadline_ms = INT64_MAX,
        .status = {.message = ""},
    };
    outgoing *preface = outgoing_create(sizeof(frame_preface));
    if (preface == NULL) return false;
    memcpy(preface->bytes, frame_preface, sizeof(frame_preface));
    outbox_append(&self->out, preface);
    return true;
}

void session_free(session *self) {
    outbox_clear(&self->out);
    free(self->calls.heads);
    free(self->input);
    session_free_message(self->hello);
    session_free_message(self->details);
}

static void run_closure(session *self, ProtobufCClosure closure, void *data, const ProtobufCMessage *response) {
    bool is_nested = self->in_closure;
    self->in_closure = true;
    closure(response, data);
    self->in_closure = is_nested;
}

void session_complete(session *self, call *ended, const ProtobufCMessage *response) {
    run_closure(self, ended->closure, ended->closure_data, response);
    free(ended);
}

void session_set_status(session *self, shardkv_status status, Kv__Error *details) {
    session_free_message(self->details);
    self->details = details;
    status.details = details;
    if (details != NULL) status.message = details->message;
    self->status = status;
}

void session_put_failed(session *self, call *failed, shardkv_code code, shardkv_reason reason, const char *message) {
    failed->code = code;
    failed->reason = reason;
    failed->message = message;
    call_list_append(&self->failed, failed);
}

void session_fail(session *self, call *failed, shardkv_code code, shardkv_reason reason, const char *message) {
    calls_remove(&self->calls, failed);
    if (call_has_begun_to_leave(failed)) {
        reason = SHARDKV_REASON_INDETERMINATE;
        if (failed->frame != NULL) failed->frame->call = NULL;
        failed->frame = NULL;
    } else {
        outbox_remove(&self->out, failed->frame);
    }
    session_put_failed(self, failed, code, reason, message);
}

void session_deliver(session *self) {
    /* Closures may begin calls that fail at once: those wait for the next time, so that this ends. */
    for (size_t count = self->failed.count; count > 0; count--) {
        call *failed = self->failed.first;
        call_list_remove(&self->failed, failed);
        session_set_status(self, (shardkv_status){failed->code, failed->reason, .message = failed->message}, NULL);
        session_complete(self, failed, NULL);
    }
}

size_t session_request_limit(const session *self) {
    return self->hello != NULL && self->hello->max_payload_bytes > 0 ? self->hello->max_payload_bytes : longest_payload;
}

static outgoing *make_request(call *begun, unsigned index, const ProtobufCMessage *request, size_t length) {
    outgoing *frame = outgoing_create(FRAME_HEADER_BYTES + length);
    if (frame == NULL) return NULL;
    frame_header header = {
        .length = (uint32_t)length, .type = FRAME_REQUEST, .code = (uint16_t)index, .request_id = begun->id};
    frame_write(frame->bytes, &header);
    protobuf_c_message_pack(request, frame->bytes + FRAME_HEADER_BYTES);
    frame->call = begun;
    return frame;
}

/* Why a request cannot be sent; OK = it can. */
static shardkv_status examine(const session *self, const ProtobufCMessage *request, size_t *length) {
    if (self->phase != SESSION_OPEN) {
        return (shardkv_status){SHARDKV_UNAVAILABLE, self->end_reason, .message = self->end_message};
    }
    if (!protobuf_c_message_check(request)) {
        return (shardkv_status){SHARDKV_INVALID_ARGUMENT, .message = "the request is not a valid message"};
    }
    *length = protobuf_c_message_get_packed_size(request);
    if (*length > session_request_limit(self)) {
        return (shardkv_status){SHARDKV_RESOURCE_EXHAUSTED, SHARDKV_REASON_TOO_LARGE,
                                .message = "the request is longer than the server takes"};
    }
    if (self->calls.all.count >= SHARDKV_MAX_CALLS || self->out.byte_count + *length > SHARDKV_MAX_QUEUED_BYTES) {
        return (shardkv_status){SHARDKV_RESOURCE_EXHAUSTED, .message = "too much waits on this connection already"};
    }
    return (shardkv_status){SHARDKV_OK, .message = ""};
}

/* Puts the call among those that wait, and its request in the outbox. Returns false if memory is exhausted. */
static bool enqueue(session *self, call *begun, unsigned index, const ProtobufCMessage *request, size_t length) {
    begun->frame = make_request(begun, index, request, length);
    if (begun->frame == NULL) return false;
    if (!calls_insert(&self->calls, begun)) {
        free(begun->frame);
        return false;
    }
    outbox_append(&self->out, begun->frame);
    if (begun->deadline_ms < self->next_deadline_ms) self->next_deadline_ms = begun->deadline_ms;
    return true;
}

void session_begin(session *self, unsigned index, const ProtobufCMessage *request, ProtobufCClosure closure, void *data,
                   int64_t now_ms) {
    call *begun = malloc(sizeof(call));
    if (begun != NULL) {
        *begun = (call){
            .id = calls_next_id(&self->calls),
            .response = kv__kv__descriptor.methods[index].output,
            .closure = closure,
            .closure_data = data,
            .deadline_ms = self->timeout_ms > 0 ? now_ms + self->timeout_ms : INT64_MAX,
        };
        size_t length = 0;
        shardkv_status refusal = examine(self, request, &length);
        if (refusal.code != SHARDKV_OK) {
            session_put_failed(self, begun, refusal.code, refusal.reason, refusal.message);
            return;
        }
        if (enqueue(self, begun, index, request, length)) return;
        free(begun);
    }
    session_set_status(self, (shardkv_status){SHARDKV_RESOURCE_EXHAUSTED, .message = "memory is exhausted"}, NULL);
    run_closure(self, closure, data, NULL);
}

void session_append_notice(session *self, uint8_t type, uint8_t flags, uint32_t id) {
    outgoing *frame = outgoing_create(FRAME_HEADER_BYTES);
    if (frame == NULL) return;
    frame_write(frame->bytes, &(frame_header){.type = type, .flags = flags, .request_id = id});
    outbox_append(&self->out, frame);
}

void session_end_if_drained(session *self) {
    if (self->phase == SESSION_DRAINING && self->calls.all.count == 0) {
        session_end(self, SHARDKV_UNAVAILABLE, self->end_message);
    }
}

bool session_cancel(session *self, uint32_t id) {
    call *cancelled = calls_find(&self->calls, id);
    if (cancelled == NULL) return false;
    if (call_has_begun_to_leave(cancelled) && self->phase == SESSION_OPEN) {
        session_append_notice(self, FRAME_CANCEL, 0, id);
    }
    session_fail(self, cancelled, SHARDKV_CANCELLED, SHARDKV_REASON_NONE, "cancelled");
    session_end_if_drained(self);
    return true;
}

void session_expire(session *self, int64_t now_ms) {
    if (now_ms < self->next_deadline_ms) return;
    self->next_deadline_ms = INT64_MAX;
    for (call *each = self->calls.all.first, *next; each != NULL; each = next) {
        next = each->next;
        if (each->deadline_ms <= now_ms) {
            session_fail(self, each, SHARDKV_DEADLINE_EXCEEDED, SHARDKV_REASON_NONE, "no answer in time");
        } else if (each->deadline_ms < self->next_deadline_ms) {
            self->next_deadline_ms = each->deadline_ms;
        }
    }
    session_end_if_drained(self);
}

void session_end(session *self, shardkv_code code, const char *message) {
    if (self->phase == SESSION_ENDED) return;
    if (self->phase == SESSION_OPEN) snprintf(self->end_message, sizeof(self->end_message), "%s", message);
    self->phase = SESSION_ENDED;
    while (self->calls.all.first != NULL) {
        session_fail(self, self->calls.all.first, code, SHARDKV_REASON_NONE, self->end_message);
    }
    outbox_clear(&self->out);
    self->next_deadline_ms = INT64_MAX;
}

int session_gather(session *self, struct iovec *pieces, int count, int64_t now_ms) {
    outgoing *frame = self->out.first;
    for (int index = 0; index < count && frame != NULL; index++, frame = frame->next) {
        if (frame->call == NULL || frame->sent > 0 || frame->call->deadline_ms == INT64_MAX) continue;
        int64_t left = frame->call->deadline_ms - now_ms;
        frame_write_number(frame->bytes + 12, 4, left > 1 ? (uint32_t)left : 1);
    }
    return outbox_gather(&self->out, pieces, count);
}

void session_sent(session *self, size_t count) {
    outbox_sent(&self->out, count);
    if (self->out.first == NULL) self->ping_count = 0;
}
