/* The client's side of one connection, without I/O and without a clock: bytes in, closures run; calls in, bytes out.
 *
 * The server's fault ends the session: a frame longer than allowed, a HELLO that is none. Ignored are frames of unknown
 * types, of types that only clients send, a second HELLO, and responses that nobody waits for: they are skipped as they
 * arrive, not stored. A response that does not decode fails its own call. */
#ifndef SHARDKV_SESSION_H
#define SHARDKV_SESSION_H

#include "calls.h"
#include "outbox.h"
#include "shardkv.h"

typedef enum {
    SESSION_OPEN,
    /* The server takes no more requests, but answers those that it has. */
    SESSION_DRAINING,
    /* Nothing comes or goes any more. */
    SESSION_ENDED
} session_phase;

typedef struct {
    session_phase phase;
    /* Why it is not open. */
    shardkv_reason end_reason;
    char end_message[256];

    call_table calls;
    /* Calls that have ended and whose closures are to be run with NULL. */
    call_list failed;
    outbox out;
    /* Answers to PINGs that have not left. */
    size_t ping_count;

    uint8_t *input;
    size_t input_capacity;
    size_t input_length;
    /* What is still to come of a payload that nobody looks at. */
    size_t bytes_to_skip;

    Kv__Hello *hello;
    uint32_t max_payload;
    uint32_t timeout_ms;
    /* No call's deadline is earlier. */
    int64_t next_deadline_ms;

    shardkv_status status;
    Kv__Error *details;
    /* A closure is running. */
    bool in_closure;
} session;

/* Returns false if memory is exhausted; `session_free` is due all the same. */
bool session_init(session *self);
/* Frees it; no call may be left. */
void session_free(session *self);

/* Begins a call of method `index` of kv.Kv. One that fails at once waits for `session_deliver`; only where memory is
 * exhausted its closure runs within. */
void session_begin(session *self, unsigned index, const ProtobufCMessage *request, ProtobufCClosure closure, void *data,
                   int64_t now_ms);
bool session_cancel(session *self, uint32_t id);
/* Fails the calls whose time is up. */
void session_expire(session *self, int64_t now_ms);
/* Fails all calls with `code`, and all later ones with UNAVAILABLE. What ended a session first counts. */
void session_end(session *self, shardkv_code code, const char *message);
/* Runs the closures of the calls that have failed so far. */
void session_deliver(session *self);

/* Where to put what arrives, and how much may come; NULL if memory is exhausted. */
uint8_t *session_room(session *self, size_t *size);
/* `count` bytes were put there: handles all that they complete. */
void session_received(session *self, size_t count);

/* What to write next; tells the server how long its callers still wait. */
int session_gather(session *self, struct iovec *pieces, int count, int64_t now_ms);
void session_sent(session *self, size_t count);

#endif
