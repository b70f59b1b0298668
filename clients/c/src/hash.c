#include "shardkv.h"

uint32_t shardkv_hash(const void *key, size_t length) {
    const uint8_t *bytes = key;
    uint32_t hash = 2166136261u;
    for (size_t index = 0; index < length; index++) {
        hash *= 16777619u;
        hash ^= bytes[index];
    }
    return hash;
}

uint32_t shardkv_shard(const void *key, size_t length, uint32_t shard_count) {
    return shardkv_hash(key, length) % shard_count + 1;
}
