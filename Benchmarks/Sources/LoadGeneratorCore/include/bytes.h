// Little-endian numbers and protobuf varints at any address. (The generator runs on little-endian machines only.)
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are stored as they are");

static inline uint32_t load32(const uint8_t *bytes) { uint32_t value; memcpy(&value, bytes, 4); return value; }
static inline uint16_t load16(const uint8_t *bytes) { uint16_t value; memcpy(&value, bytes, 2); return value; }
static inline void store32(uint8_t *bytes, uint32_t value) { memcpy(bytes, &value, 4); }
static inline void store64(uint8_t *bytes, uint64_t value) { memcpy(bytes, &value, 8); }

static inline size_t varint_bytes(uint64_t value) {
    size_t count = 1;
    while (value >= 0x80) value >>= 7, count++;
    return count;
}

static inline size_t store_varint(uint8_t *bytes, uint64_t value) {
    size_t count = 0;
    while (value >= 0x80) bytes[count++] = (uint8_t)(value | 0x80), value >>= 7;
    bytes[count++] = (uint8_t)value;
    return count;
}

/// Returns the varint's length; 0 if it does not end within `count` bytes or is too long.
static inline size_t load_varint(const uint8_t *bytes, size_t count, uint64_t *value) {
    *value = 0;
    for (size_t place = 0; place < count && place < 10; place++) {
        *value |= (uint64_t)(bytes[place] & 0x7f) << 7 * place;
        if (bytes[place] < 0x80) return place + 1;
    }
    return 0;
}
