// Random numbers: splitmix64. One word of state, two multiplications a number, and the same sequence for a seed.
#pragma once

#include <stdint.h>

/// Scatters the bits of `value`; a bijection.
static inline uint64_t mix(uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
}

static inline uint64_t random_next(uint64_t *state) { return mix(*state += 0x9e3779b97f4a7c15); }

/// Uniform in 0..<limit; `limit` below 2^32.
static inline uint64_t random_below(uint64_t *state, uint64_t limit) {
    return (random_next(state) >> 32) * limit >> 32;
}

/// Uniform in [0, 1).
static inline double random_unit(uint64_t *state) { return (double)(random_next(state) >> 11) * 0x1p-53; }
