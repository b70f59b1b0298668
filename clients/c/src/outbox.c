#include "outbox.h"

#include <stdlib.h>

#include "calls.h"

outgoing *outgoing_create(size_t length) {
    outgoing *frame = malloc(sizeof(outgoing) + length);
    if (frame != NULL) *frame = (outgoing){.length = length};
    return frame;
}

void outbox_append(outbox *box, outgoing *frame) {
    frame->previous = box->last;
    frame->next = NULL;
    *(box->last != NULL ? &box->last->next : &box->first) = frame;
    box->last = frame;
    box->byte_count += frame->length;
}

void outbox_remove(outbox *box, outgoing *frame) {
    *(frame->previous != NULL ? &frame->previous->next : &box->first) = frame->next;
    *(frame->next != NULL ? &frame->next->previous : &box->last) = frame->previous;
    box->byte_count -= frame->length - frame->sent;
    if (frame->call != NULL) frame->call->frame = NULL;
    free(frame);
}

int outbox_gather(const outbox *box, struct iovec *pieces, int count) {
    int filled = 0;
    for (outgoing *frame = box->first; frame != NULL && filled < count; frame = frame->next) {
        pieces[filled].iov_base = frame->bytes + frame->sent;
        pieces[filled].iov_len = frame->length - frame->sent;
        filled++;
    }
    return filled;
}

void outbox_sent(outbox *box, size_t count) {
    while (count > 0) {
        outgoing *frame = box->first;
        size_t part = frame->length - frame->sent;
        if (part > count) part = count;
        frame->sent += part;
        box->byte_count -= part;
        count -= part;
        if (frame->sent == frame->length) outbox_remove(box, frame);
    }
}

void outbox_clear(outbox *box) {
    while (box->first != NULL) outbox_remove(box, box->first);
}
