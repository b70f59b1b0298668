/* What the two halves of a session share: calls in and bytes out, and bytes in. */
#ifndef SHARDKV_SESSION_INTERNAL_H
#define SHARDKV_SESSION_INTERNAL_H

#include "session.h"

static inline bool call_has_begun_to_leave(const call *each) { return each->frame == NULL || each->frame->sent > 0; }

/* NULL is ignored. */
static inline void session_free_message(void *message) { protobuf_c_message_free_unpacked(message, NULL); }

/* The longest payload that the server takes. */
size_t session_request_limit(const session *self);
/* Sets what closures read, and forgets what the last one read. Takes over `details`. */
void session_set_status(session *self, shardkv_status status, Kv__Error *details);
/* The call has ended: its closure runs. */
void session_complete(session *self, call *ended, const ProtobufCMessage *response);
/* Puts a call whose id is in no table any more among those that have failed. */
void session_put_failed(session *self, call *failed, shardkv_code code, shardkv_reason reason, const char *message);
/* Ends a call without an answer, and takes its request back if nothing of it has left. */
void session_fail(session *self, call *failed, shardkv_code code, shardkv_reason reason, const char *message);
/* Appends a frame without payload. Where memory is exhausted it is left out: each such frame is a courtesy. */
void session_append_notice(session *self, uint8_t type, uint8_t flags, uint32_t id);
/* A draining session ends with its last call. */
void session_end_if_drained(session *self);

#endif
