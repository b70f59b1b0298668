#include "keys.h"

#include <math.h>
#include <string.h>

static const double zipf_exponent = 0.99;

KeyChooser key_chooser(Distribution distribution, uint64_t count, uint64_t first, uint64_t stride, uint64_t seed) {
    KeyChooser chooser = {
        .distribution = distribution, .count = count, .random = seed, .next = first, .stride = stride
    };
    if (distribution != DISTRIBUTION_ZIPF) return chooser;
    for (uint64_t rank = 1; rank <= count; rank++) chooser.zeta += pow((double)rank, -zipf_exponent);
    chooser.second = 1 + pow(2, -zipf_exponent);
    chooser.alpha = 1 / (1 - zipf_exponent);
    chooser.eta = (1 - pow(2.0 / (double)count, 1 - zipf_exponent)) / (1 - chooser.second / chooser.zeta);
    return chooser;
}

uint64_t zipf_rank(KeyChooser *chooser) {
    double unit = random_unit(&chooser->random);
    double scaled = unit * chooser->zeta;
    if (scaled < 1) return 0;
    if (scaled < chooser->second) return 1;
    uint64_t rank = (uint64_t)((double)chooser->count * pow(chooser->eta * unit - chooser->eta + 1, chooser->alpha));
    return rank < chooser->count ? rank : chooser->count - 1;
}

static inline uint32_t mark_bytes(uint32_t count) { return count < sizeof(uint64_t) ? count : sizeof(uint64_t); }

void write_value(uint64_t index, const uint8_t *pattern, uint32_t count, uint8_t *bytes) {
    uint64_t mark = mix(index);
    memcpy(bytes, pattern, count);
    memcpy(bytes, &mark, mark_bytes(count));
}

bool is_value(uint64_t index, const uint8_t *pattern, uint32_t count, const uint8_t *bytes) {
    uint64_t mark = mix(index);
    if (memcmp(bytes, &mark, mark_bytes(count)) != 0) return false;
    return count <= sizeof mark || bytes[count - 1] == pattern[count - 1];
}
