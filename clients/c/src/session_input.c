/* What a session makes of what the server sends. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "frame.h"
#include "session_internal.h"

enum {
    INPUT_BYTES = 64 << 10,
    /* The least room to read into. */
    ROOM_BYTES = 16 << 10,
    /* The longest payload before the HELLO tells the server's limit. */
    MAX_PAYLOAD_BEFORE_HELLO = 64 << 10,
    /* A server that sends more PINGs than this without taking the answers is broken. */
    MAX_PINGS = 1024
};

uint8_t *session_room(session *self, size_t *size) {
    if (self->input_length == 0 && self->input_capacity > 4 * INPUT_BYTES) {
        free(self->input);
        self->input = NULL;
        self->input_capacity = 0;
    }
    if (self->input_capacity - self->input_length < ROOM_BYTES) {
        /* By what has arrived, not by what a header claims. */
        size_t capacity = self->input_capacity > 0 ? 2 * self->input_capacity : INPUT_BYTES;
        uint8_t *larger = realloc(self->input, capacity);
        if (larger == NULL) return NULL;
        self->input = larger;
        self->input_capacity = capacity;
    }
    *size = self->input_capacity - self->input_length;
    return self->input + self->input_length;
}

/* The longest payload that is taken from the server. */
static size_t response_limit(const session *self) {
    if (self->hello == NULL) return MAX_PAYLOAD_BEFORE_HELLO;
    size_t announced = session_request_limit(self);
    return announced < self->max_payload ? announced : self->max_payload;
}

static void receive_hello(session *self, const uint8_t *payload, size_t length) {
    self->hello = (Kv__Hello *)decode(&kv__hello__descriptor, payload, length);
    if (self->hello == NULL) session_end(self, SHARDKV_UNAVAILABLE, "the server's HELLO is none");
}

static void receive_goaway(session *self, const uint8_t *payload, size_t length) {
    if (self->phase != SESSION_OPEN) return;
    Kv__Error *error = (Kv__Error *)decode(&kv__error__descriptor, payload, length);
    snprintf(self->end_message, sizeof(self->end_message), "the server ends the connection: %s",
             error != NULL ? error->message : "");
    session_free_message(error);
    self->phase = SESSION_DRAINING;
    self->end_reason = SHARDKV_REASON_DRAINING;
    for (call *each = self->calls.all.first, *next; each != NULL; each = next) {
        next = each->next;
        if (!call_has_begun_to_leave(each)) {
            session_fail(self, each, SHARDKV_UNAVAILABLE, SHARDKV_REASON_DRAINING, self->end_message);
        }
    }
    session_end_if_drained(self);
}

/* The call that a response answers; NULL = none, or one whose request the server cannot have seen. */
static call *find_answered(const session *self, const frame_header *header) {
    call *found = calls_find(&self->calls, header->request_id);
    return found != NULL && call_has_begun_to_leave(found) ? found : NULL;
}

static call *take_answered(session *self, const frame_header *header) {
    call *answered = find_answered(self, header);
    if (answered == NULL) return NULL;
    calls_remove(&self->calls, answered);
    /* A server may answer what it has not read to its end; the rest of the request has to follow. */
    if (answered->frame != NULL) answered->frame->call = NULL;
    return answered;
}

static void receive_response(session *self, const frame_header *header, const uint8_t *payload) {
    call *answered = take_answered(self, header);
    unsigned code = header->code & 0xff, reason = header->code >> 8;
    shardkv_status status = {
        .code = code <= SHARDKV_UNAUTHENTICATED ? (shardkv_code)code : SHARDKV_UNKNOWN,
        .reason = reason <= SHARDKV_REASON_REFUSED ? (shardkv_reason)reason : SHARDKV_REASON_NONE,
        .message = "",
        .load = (uint16_t)header->auxiliary,
        .retry_after_ms = (uint16_t)(header->auxiliary >> 16),
    };
    ProtobufCMessage *response = NULL;
    Kv__Error *error = NULL;
    if (status.code == SHARDKV_OK) {
        response = decode(answered->response, payload, header->length);
        if (response == NULL) {
            status.code = SHARDKV_INTERNAL;
            status.reason = SHARDKV_REASON_INDETERMINATE;
            status.message = "the response does not decode";
        }
    } else {
        error = (Kv__Error *)decode(&kv__error__descriptor, payload, header->length);
    }
    session_set_status(self, status, error);
    session_complete(self, answered, response);
    session_free_message(response);
    session_end_if_drained(self);
}

static void receive_ping(session *self, const frame_header *header) {
    if (header->flags & FRAME_FLAG_ACKNOWLEDGEMENT || self->phase != SESSION_OPEN) return;
    if (++self->ping_count > MAX_PINGS) {
        session_end(self, SHARDKV_UNAVAILABLE, "the server sends PINGs and takes no answers");
        return;
    }
    session_append_notice(self, FRAME_PING, FRAME_FLAG_ACKNOWLEDGEMENT, header->request_id);
}

static bool is_wanted(const session *self, const frame_header *header) {
    switch (header->type) {
    case FRAME_HELLO: return self->hello == NULL;
    case FRAME_RESPONSE: return find_answered(self, header) != NULL;
    case FRAME_GOAWAY: return true;
    default: return false;
    }
}

/* A frame longer than is allowed: if it answers a call, that one learns what was wrong. */
static void refuse(session *self, const frame_header *header) {
    call *answered = header->type == FRAME_RESPONSE ? take_answered(self, header) : NULL;
    if (answered != NULL) {
        session_put_failed(self, answered, SHARDKV_RESOURCE_EXHAUSTED, SHARDKV_REASON_TOO_LARGE,
                   "the response is longer than allowed");
    }
    session_end(self, SHARDKV_UNAVAILABLE, "the server sent a frame that is longer than allowed");
}

void session_received(session *self, size_t count) {
    self->input_length += count;
    size_t done = 0;
    while (self->phase != SESSION_ENDED) {
        size_t left = self->input_length - done;
        size_t skipped = left < self->bytes_to_skip ? left : self->bytes_to_skip;
        done += skipped;
        left -= skipped;
        self->bytes_to_skip -= skipped;
        if (left < FRAME_HEADER_BYTES) break;
        frame_header header = frame_read(self->input + done);
        if (header.length > response_limit(self)) {
            refuse(self, &header);
            break;
        }
        if (!is_wanted(self, &header)) {
            if (header.type == FRAME_PING) receive_ping(self, &header);
            done += FRAME_HEADER_BYTES;
            self->bytes_to_skip = header.length;
            continue;
        }
        if (left - FRAME_HEADER_BYTES < header.length) break;
        const uint8_t *payload = self->input + done + FRAME_HEADER_BYTES;
        done += FRAME_HEADER_BYTES + header.length;
        switch (header.type) {
        case FRAME_HELLO: receive_hello(self, payload, header.length); break;
        case FRAME_GOAWAY: receive_goaway(self, payload, header.length); break;
        default: receive_response(self, &header, payload); break;
        }
    }
    self->input_length -= done;
    if (done > 0) memmove(self->input, self->input + done, self->input_length);
}
