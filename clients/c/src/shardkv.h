/* ShardKV's client for C: the stubs that protoc-c generates, over a connection to one server.
 *
 *     shardkv_connection *connection = shardkv_connect("127.0.0.1", 9001);
 *     kv__kv__get(shardkv_service(connection), &request, on_reply, &data);    begins a call, returns at once
 *     shardkv_wait(connection);                                               runs closures until all calls ended
 *
 * THE CLOSURE of every call runs exactly once: with the response, or with NULL if the call failed. What happened is
 * then in `shardkv_last_status(connection)`. The response and the status hold until the closure returns; after
 * `shardkv_wait` the status of the call that ended last is still there. A closure may begin and cancel calls; it must
 * not call shardkv_wait, shardkv_on_…, or shardkv_close. Closures run within those, never within a stub (but see
 * `shardkv_service`).
 *
 * THREADS: a connection belongs to one thread at a time; the library has no other state, so connections are
 * independent of each other. Nothing here locks, and nothing here raises SIGPIPE.
 *
 * A CONNECTION IS ONE TCP CONNECTION: once it has ended (`shardkv_is_open` is false) it stays so, and its calls fail
 * with UNAVAILABLE. Make a new one to try again. Requests that are begun before the connection stands wait for it.
 */
#ifndef SHARDKV_H
#define SHARDKV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kv.pb-c.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct shardkv_connection shardkv_connection;

/* The canonical gRPC status codes. */
typedef enum {
    SHARDKV_OK = 0,
    SHARDKV_CANCELLED = 1,
    SHARDKV_UNKNOWN = 2,
    SHARDKV_INVALID_ARGUMENT = 3,
    SHARDKV_DEADLINE_EXCEEDED = 4,
    SHARDKV_NOT_FOUND = 5,
    SHARDKV_ALREADY_EXISTS = 6,
    SHARDKV_PERMISSION_DENIED = 7,
    SHARDKV_RESOURCE_EXHAUSTED = 8,
    SHARDKV_FAILED_PRECONDITION = 9,
    SHARDKV_ABORTED = 10,
    SHARDKV_OUT_OF_RANGE = 11,
    SHARDKV_UNIMPLEMENTED = 12,
    SHARDKV_INTERNAL = 13,
    SHARDKV_UNAVAILABLE = 14,
    SHARDKV_DATA_LOSS = 15,
    SHARDKV_UNAUTHENTICATED = 16
} shardkv_code;

/* Why, where the code alone does not say what to do. proto/PROTOCOL.md tells what a client does about each. */
typedef enum {
    SHARDKV_REASON_NONE = 0,
    SHARDKV_REASON_WRONG_VIEW = 1,
    SHARDKV_REASON_NOT_READY = 2,
    SHARDKV_REASON_TOO_OLD = 3,
    SHARDKV_REASON_FUTURE = 4,
    /* Made by this library: the call failed after its request began to leave, so it may have been executed. */
    SHARDKV_REASON_INDETERMINATE = 5,
    SHARDKV_REASON_NOT_HOSTED = 6,
    SHARDKV_REASON_MOVING = 7,
    SHARDKV_REASON_MEMORY_FULL = 8,
    SHARDKV_REASON_DRAINING = 9,
    SHARDKV_REASON_TOO_LARGE = 10,
    SHARDKV_REASON_OVERLOADED = 11,
    SHARDKV_REASON_STALE_PAGE = 12,
    /* No process listens at the node's address. Made by clients. */
    SHARDKV_REASON_REFUSED = 13
} shardkv_reason;

/* How a call ended. Numbers that this release does not know became UNKNOWN and NONE. */
typedef struct {
    shardkv_code code;
    shardkv_reason reason;
    /* For people; never NULL, may be empty. */
    const char *message;
    /* How many requests waited behind this one at the server; 0 = none, or unknown. */
    uint16_t load;
    /* Wait as long before asking the same server for the same again; 0 = it said nothing. */
    uint16_t retry_after_ms;
    /* What else the server told: its clock, and the shard's owners. NULL = nothing, or no server made this error. */
    const Kv__Error *details;
} shardkv_status;

/* "INVALID_ARGUMENT"; "UNKNOWN" for a number that is no code. */
const char *shardkv_code_name(shardkv_code code);

/* Calls and bytes that may wait on one connection; a call beyond them fails with RESOURCE_EXHAUSTED. */
#define SHARDKV_MAX_CALLS 65536
#define SHARDKV_MAX_QUEUED_BYTES ((size_t)256 << 20)

/* How long calls may take unless `shardkv_set_timeout` says otherwise. */
#define SHARDKV_DEFAULT_TIMEOUT_MS 1000
/* The longest payload that is accepted unless `shardkv_set_max_payload` says otherwise. */
#define SHARDKV_DEFAULT_MAX_PAYLOAD ((uint32_t)128 << 20)

/* Begins to connect. A numeric address does not block; the look-up of a name does. NULL only if memory is exhausted:
 * what else goes wrong is reported by the calls. */
shardkv_connection *shardkv_connect(const char *address, uint16_t port);

/* Ends the connection and frees it. Closures of calls under way run first, with CANCELLED. NULL is ignored. */
void shardkv_close(shardkv_connection *connection);

/* What to pass to the stubs `kv__kv__…`. It belongs to the connection. The request may be freed when the stub returns.
 * Only if memory is exhausted, the closure runs within the stub. */
ProtobufCService *shardkv_service(shardkv_connection *connection);

/* How long each call may take that is begun from now on; 0 = for ever. A call that ran out of time ends with
 * DEADLINE_EXCEEDED. */
void shardkv_set_timeout(shardkv_connection *connection, uint32_t milliseconds);

/* The longest payload to accept from the server; a longer one ends the connection. The server's own limit holds too. */
void shardkv_set_max_payload(shardkv_connection *connection, uint32_t bytes);

/* The number of the call that was begun last. Numbers come again after 2^32 calls. */
uint32_t shardkv_last_call(const shardkv_connection *connection);

/* Gives up a call: its closure will run with CANCELLED. Returns false if it has ended already. */
bool shardkv_cancel(shardkv_connection *connection, uint32_t call);

/* How the call ended whose closure runs, or ran last. */
const shardkv_status *shardkv_last_status(const shardkv_connection *connection);

/* Calls whose closures have not run yet. */
size_t shardkv_pending(const shardkv_connection *connection);

/* New calls may succeed: the connection stands or is being made, and the server takes requests. */
bool shardkv_is_open(const shardkv_connection *connection);

/* What the server said about itself; NULL until it has. */
const Kv__Hello *shardkv_hello(const shardkv_connection *connection);

/* BLOCKING USE: runs the connection until no call is under way. */
void shardkv_wait(shardkv_connection *connection);

/* POLL-DRIVEN USE, in an event loop of the caller's: before each poll ask for the descriptor (it may change while the
 * connection is made; -1 = none), the events to wait for (POLLIN, POLLOUT of poll.h) and for how long at most (-1 =
 * for ever). Afterwards call on_readable for POLLIN, on_writable for POLLOUT, both for POLLERR or POLLHUP, and
 * on_timeout when the time is up. Events are level-triggered; calls that were not due do nothing. */
int shardkv_fd(const shardkv_connection *connection);
short shardkv_events(const shardkv_connection *connection);
int shardkv_timeout_ms(const shardkv_connection *connection);
void shardkv_on_readable(shardkv_connection *connection);
void shardkv_on_writable(shardkv_connection *connection);
void shardkv_on_timeout(shardkv_connection *connection);

/* The 32-bit FNV-1 hash of a key, and the shard (1…shard_count) that it belongs to; shard_count must not be 0. */
uint32_t shardkv_hash(const void *key, size_t length);
uint32_t shardkv_shard(const void *key, size_t length, uint32_t shard_count);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif

#endif
