/* The calls that wait for their answers: by request id, and in the order of their begin. */
#ifndef SHARDKV_CALLS_H
#define SHARDKV_CALLS_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "outbox.h"
#include "shardkv.h"

typedef struct call {
    /* The neighbours in a call_list. */
    struct call *previous;
    struct call *next;
    /* The next one in a chain of the table. */
    struct call *chained;
    uint32_t id;
    const ProtobufCMessageDescriptor *response;
    ProtobufCClosure closure;
    void *closure_data;
    /* On the caller's clock; INT64_MAX = never. */
    int64_t deadline_ms;
    /* The request while it is in the outbox; NULL once it has left whole. */
    outgoing *frame;
    /* Why it failed, for one that waits for its closure to be run. */
    shardkv_code code;
    shardkv_reason reason;
    const char *message;
} call;

typedef struct {
    call *first;
    call *last;
    size_t count;
} call_list;

void call_list_append(call_list *list, call *added);
void call_list_remove(call_list *list, call *removed);

/* A hash table, whose chains begin at `heads`, and all that is in it as a list. */
typedef struct {
    call_list all;
    call **heads;
    size_t head_count;
    uint32_t last_id;
} call_table;

/* An id that no call in the table has. */
uint32_t calls_next_id(call_table *table);
/* Returns false if memory is exhausted. */
bool calls_insert(call_table *table, call *added);
/* NULL = there is none with this id. */
call *calls_find(const call_table *table, uint32_t id);
void calls_remove(call_table *table, call *removed);

#endif
