// Counts of latencies in logarithmic buckets: 64 to an octave, so a percentile is at most 1.6 % too high.
#pragma once

#include <stdint.h>

enum { HISTOGRAM_SUBBUCKET_BITS = 6, HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SUBBUCKET_BITS + 1) << HISTOGRAM_SUBBUCKET_BITS };

typedef struct {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t total;
    /// Exact.
    uint64_t max;
} Histogram;

static inline uint32_t histogram_bucket(uint64_t value) {
    if (value < 1 << HISTOGRAM_SUBBUCKET_BITS) return (uint32_t)value;
    uint32_t shift = 63 - (uint32_t)__builtin_clzll(value) - HISTOGRAM_SUBBUCKET_BITS;
    return (shift << HISTOGRAM_SUBBUCKET_BITS) + (uint32_t)(value >> shift);
}

static inline void histogram_record(Histogram *histogram, uint64_t value) {
    histogram->counts[histogram_bucket(value)]++;
    histogram->total++;
    if (value > histogram->max) histogram->max = value;
}

/// The smallest bucket bound that `fraction` (0...1) of the values do not exceed; 0 of an empty histogram.
uint64_t histogram_percentile(const Histogram *histogram, double fraction);
