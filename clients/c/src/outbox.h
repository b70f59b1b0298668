/* Frames on their way out, in order. Each can be taken back as long as nothing of it has left. */
#ifndef SHARDKV_OUTBOX_H
#define SHARDKV_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct call;

typedef struct outgoing {
    struct outgoing *previous;
    struct outgoing *next;
    /* The call whose request this is; NULL = none, or it has ended. */
    struct call *call;
    size_t length;
    size_t sent;
    uint8_t bytes[];
} outgoing;

typedef struct {
    outgoing *first;
    outgoing *last;
    /* Bytes that have not left. */
    size_t byte_count;
} outbox;

/* Room for a frame of `length` bytes, not yet in any outbox; NULL if memory is exhausted. */
outgoing *outgoing_create(size_t length);

void outbox_append(outbox *box, outgoing *frame);
/* Takes the frame out and frees it. */
void outbox_remove(outbox *box, outgoing *frame);
/* What to write next, in up to `count` pieces; returns how many there are. */
int outbox_gather(const outbox *box, struct iovec *pieces, int count);
/* `count` bytes of what was gathered have left. Frames that left whole are freed, and their calls forget them. */
void outbox_sent(outbox *box, size_t count);
void outbox_clear(outbox *box);

#endif
