// Which key a request is for, and what the key and its value look like. All of it follows from the key's index, so
// that a reply can be checked without remembering anything.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "random.h"

enum { KEY_BYTES = 16 };

/// `key-` and 12 hexadecimal digits.
static inline void write_key(uint64_t index, uint8_t *bytes) {
    static const char digits[] = "0123456789abcdef";
    __builtin_memcpy(bytes, "key-", 4);
    for (int place = 0; place < 12; place++) bytes[4 + place] = (uint8_t)digits[index >> (44 - 4 * place) & 15];
}

typedef enum { DISTRIBUTION_UNIFORM, DISTRIBUTION_ZIPF, DISTRIBUTION_SEQUENTIAL } Distribution;

typedef struct {
    Distribution distribution;
    uint64_t count;
    uint64_t random;
    /// Sequential: the next index, and the step to the one after it.
    uint64_t next, stride;
    /// Zipf, by Gray et al., "Quickly generating billion-record synthetic databases".
    double zeta, eta, alpha, second;
} KeyChooser;

/// Chooses among the indices 0..<count (below 2^32); sequential: first, first + stride, …
KeyChooser key_chooser(Distribution distribution, uint64_t count, uint64_t first, uint64_t stride, uint64_t seed);

/// The popularity rank of the next Zipf key, 0 = the most popular.
uint64_t zipf_rank(KeyChooser *chooser);

static inline uint64_t choose_key(KeyChooser *chooser) {
    switch (chooser->distribution) {
    case DISTRIBUTION_UNIFORM: return random_below(&chooser->random, chooser->count);
    // A prime factor scatters the popular ranks over the indices, each to its own.
    case DISTRIBUTION_ZIPF: return zipf_rank(chooser) * 2654435761 % chooser->count;
    case DISTRIBUTION_SEQUENTIAL: break;
    }
    uint64_t index = chooser->next;
    chooser->next += chooser->stride;
    return index;
}

/// Values of `min` to `max` bytes; a key's length is always the same for one `salt`.
typedef struct {
    uint32_t min, max;
    uint64_t salt;
} ValueSizes;

static inline uint32_t value_size(const ValueSizes *sizes, uint64_t index) {
    if (sizes->min == sizes->max) return sizes->min;
    return sizes->min + (uint32_t)(mix(index ^ sizes->salt << 40) % (sizes->max - sizes->min + 1));
}

/// A value begins with its key's mark (as far as it reaches) and goes on as `pattern` (at least `count` bytes) does.
void write_value(uint64_t index, const uint8_t *pattern, uint32_t count, uint8_t *bytes);

/// The mark and the last byte are right.
bool is_value(uint64_t index, const uint8_t *pattern, uint32_t count, const uint8_t *bytes);
