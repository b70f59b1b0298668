/* The 16 bytes before every payload, little-endian. proto/PROTOCOL.md is the contract. */
#ifndef SHARDKV_FRAME_H
#define SHARDKV_FRAME_H

#include <stdint.h>

enum { FRAME_HEADER_BYTES = 16 };

/* What a frame is. Types that are not listed are skipped by their length. */
enum { FRAME_HELLO = 1, FRAME_REQUEST = 2, FRAME_RESPONSE = 3, FRAME_CANCEL = 4, FRAME_PING = 5, FRAME_GOAWAY = 6 };

/* On a PING: this is the answer to one. */
enum { FRAME_FLAG_ACKNOWLEDGEMENT = 1 };

static const uint8_t frame_preface[8] = {'S', 'h', 'a', 'r', 'd', 'K', 'V', 1};

typedef struct {
    uint32_t length;
    uint8_t type;
    uint8_t flags;
    /* A request's method; a response's status (low byte) and reason (high byte). */
    uint16_t code;
    uint32_t request_id;
    /* A request's timeout in ms; a response's load (low half) and retry-after in ms (high half). */
    uint32_t auxiliary;
} frame_header;

static inline uint32_t frame_read_number(const uint8_t *bytes, int count) {
    uint32_t number = 0;
    for (int index = 0; index < count; index++) number |= (uint32_t)bytes[index] << (8 * index);
    return number;
}

static inline void frame_write_number(uint8_t *bytes, int count, uint32_t number) {
    for (int index = 0; index < count; index++) bytes[index] = (uint8_t)(number >> (8 * index));
}

static inline frame_header frame_read(const uint8_t *bytes) {
    return (frame_header){
        .length = frame_read_number(bytes, 4),
        .type = bytes[4],
        .flags = bytes[5],
        .code = (uint16_t)frame_read_number(bytes + 6, 2),
        .request_id = frame_read_number(bytes + 8, 4),
        .auxiliary = frame_read_number(bytes + 12, 4),
    };
}

static inline void frame_write(uint8_t *bytes, const frame_header *header) {
    frame_write_number(bytes, 4, header->length);
    bytes[4] = header->type;
    bytes[5] = header->flags;
    frame_write_number(bytes + 6, 2, header->code);
    frame_write_number(bytes + 8, 4, header->request_id);
    frame_write_number(bytes + 12, 4, header->auxiliary);
}

#endif
