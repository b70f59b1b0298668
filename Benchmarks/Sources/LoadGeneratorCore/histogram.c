#include "histogram.h"

#include <math.h>

/// The largest value that falls into `bucket`.
static uint64_t bucket_upper_bound(uint32_t bucket) {
    if (bucket < 2 << HISTOGRAM_SUBBUCKET_BITS) return bucket;
    uint32_t shift = (bucket >> HISTOGRAM_SUBBUCKET_BITS) - 1;
    uint64_t mantissa = bucket - (shift << HISTOGRAM_SUBBUCKET_BITS);
    return ((mantissa + 1) << shift) - 1;
}

uint64_t histogram_percentile(const Histogram *histogram, double fraction) {
    uint64_t rank = (uint64_t)ceil(fraction * (double)histogram->total);
    if (rank < 1) rank = 1;
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < HISTOGRAM_BUCKETS; bucket++) {
        seen += histogram->counts[bucket];
        if (seen < rank) continue;
        uint64_t bound = bucket_upper_bound(bucket);
        return bound < histogram->max ? bound : histogram->max;
    }
    return histogram->max;
}
