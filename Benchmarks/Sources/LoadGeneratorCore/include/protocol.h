// What the generator says to a server, and how it reads the answers: one Protocol for each peer.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { OPERATION_GET, OPERATION_SET, OPERATION_DELETE } Operation;

typedef struct {
    Operation operation;
    /// Comes back in the reply, where the protocol has such a thing.
    uint32_t id;
    uint64_t key;
    uint32_t value_bytes;
} Request;

/// What all requests of a run share.
typedef struct {
    const uint8_t *pattern;
    /// 0 = never expires.
    uint64_t ttl_milliseconds;
    /// A key lives up to so much longer, each its own time.
    uint64_t ttl_spread_milliseconds;
    /// The view that requests are routed by; 0 = none.
    uint64_t view;
    uint64_t writer;
    uint64_t version_time;
    /// Milliseconds since 1970.
    uint64_t now;
} RequestContext;

typedef enum {
    REPLY_VALUE,
    /// A Set or Delete was carried out; from our own server also: a Get found nothing (no payload says both).
    REPLY_DONE,
    REPLY_MISSING,
    /// A write came after one of a greater version, of another connection, and changed nothing: no error.
    REPLY_SUPERSEDED,
    /// From the echo server: only its length says anything.
    REPLY_ECHO,
    /// Answers no request.
    REPLY_NOTICE,
    REPLY_ERROR,
} ReplyKind;

typedef struct {
    ReplyKind kind;
    uint32_t id;
    /// The value, or what an error says. Points into the input.
    const uint8_t *bytes;
    size_t count;
} Reply;

typedef struct {
    const char *name;
    /// What a connection starts with.
    const uint8_t *preface;
    size_t preface_bytes;
    /// Replies carry the request's id and may come in any order; otherwise they come in the requests' order.
    bool has_ids;
    /// Writes one request, of at most `value_bytes` + MAX_REQUEST_OVERHEAD bytes; returns its length.
    size_t (*encode)(RequestContext *context, const Request *request, uint8_t *bytes);
    /// Reads one reply; returns its length, 0 if it is incomplete, -1 if it is none.
    ptrdiff_t (*decode)(const uint8_t *bytes, size_t count, Reply *reply);
} Protocol;

enum { MAX_REQUEST_OVERHEAD = 256, FRAME_HEADER_BYTES = 16 };

extern const Protocol protocol_kv, protocol_resp, protocol_memcached, protocol_echo;

/// NULL if there is none of that name.
const Protocol *protocol_named(const char *name);

/// How many bytes the payload of a kv reply has.
size_t kv_reply_payload_bytes(Operation operation, uint32_t value_bytes);
