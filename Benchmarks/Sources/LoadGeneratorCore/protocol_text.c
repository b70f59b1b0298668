// The peers' text protocols: RESP (Redis) and memcached's meta commands. Both answer in the requests' order.
#include <stdbool.h>

#include "bytes.h"
#include "keys.h"
#include "protocol.h"

static uint8_t *append(uint8_t *bytes, const char *text) {
    size_t count = strlen(text);
    memcpy(bytes, text, count);
    return bytes + count;
}

static uint8_t *append_number(uint8_t *bytes, uint64_t number) {
    uint8_t digits[20];
    int count = 0;
    do digits[count++] = (uint8_t)('0' + number % 10); while ((number /= 10) > 0);
    while (count > 0) *bytes++ = digits[--count];
    return bytes;
}

static uint8_t *append_key(uint8_t *bytes, uint64_t index) {
    write_key(index, bytes);
    return bytes + KEY_BYTES;
}

static uint8_t *append_value(uint8_t *bytes, const RequestContext *context, const Request *request) {
    write_value(request->key, context->pattern, request->value_bytes, bytes);
    return append(bytes + request->value_bytes, "\r\n");
}

/// A line's length without its end; -1 if the end is not there yet.
static ptrdiff_t line_length(const uint8_t *bytes, size_t count) {
    const uint8_t *end = memchr(bytes, '\r', count);
    return end == NULL || (size_t)(end - bytes) + 1 >= count ? -1 : end - bytes;
}

static bool line_starts(const uint8_t *bytes, ptrdiff_t line, const char *text) {
    return (size_t)line >= strlen(text) && memcmp(bytes, text, strlen(text)) == 0;
}

/// Reads the value that follows a line which ends in its length from `place` on.
static ptrdiff_t decode_value(const uint8_t *bytes, size_t count, ptrdiff_t line, ptrdiff_t place, Reply *reply) {
    size_t value_bytes = 0;
    for (; place < line && bytes[place] >= '0' && bytes[place] <= '9'; place++) {
        value_bytes = 10 * value_bytes + (size_t)(bytes[place] - '0');
    }
    size_t needed = (size_t)line + 2 + value_bytes + 2;
    if (count < needed) return 0;
    *reply = (Reply){ .kind = REPLY_VALUE, .bytes = bytes + line + 2, .count = value_bytes };
    return bytes[needed - 2] == '\r' ? (ptrdiff_t)needed : -1;
}

static size_t encode_resp(RequestContext *context, const Request *request, uint8_t *bytes) {
    uint8_t *end = bytes;
    switch (request->operation) {
    case OPERATION_GET:
        end = append_key(append(end, "*2\r\n$3\r\nGET\r\n$16\r\n"), request->key);
        end = append(end, "\r\n");
        break;
    case OPERATION_DELETE:
        end = append_key(append(end, "*2\r\n$3\r\nDEL\r\n$16\r\n"), request->key);
        end = append(end, "\r\n");
        break;
    case OPERATION_SET:
        end = append(end, context->ttl_milliseconds > 0 ? "*5" : "*3");
        end = append_key(append(end, "\r\n$3\r\nSET\r\n$16\r\n"), request->key);
        end = append_number(append(end, "\r\n$"), request->value_bytes);
        end = append_value(append(end, "\r\n"), context, request);
        if (context->ttl_milliseconds == 0) break;
        uint8_t digits[20];
        uint64_t count = (uint64_t)(append_number(digits, context->ttl_milliseconds) - digits);
        end = append_number(append(end, "$2\r\nPX\r\n$"), count);
        end = append(append_number(append(end, "\r\n"), context->ttl_milliseconds), "\r\n");
    }
    return (size_t)(end - bytes);
}

static ptrdiff_t decode_resp(const uint8_t *bytes, size_t count, Reply *reply) {
    ptrdiff_t line = line_length(bytes, count);
    if (line < 0) return 0;
    *reply = (Reply){ .kind = REPLY_ERROR, .bytes = bytes, .count = (size_t)line };
    if (line_starts(bytes, line, "$-1")) reply->kind = REPLY_MISSING;
    else if (bytes[0] == '$') return decode_value(bytes, count, line, 1, reply);
    else if (line_starts(bytes, line, "+OK")) reply->kind = REPLY_DONE;
    else if (bytes[0] == ':') reply->kind = bytes[1] == '0' ? REPLY_MISSING : REPLY_DONE;
    else if (bytes[0] != '-') return -1;
    return line + 2;
}

static size_t encode_memcached(RequestContext *context, const Request *request, uint8_t *bytes) {
    uint8_t *end = bytes;
    switch (request->operation) {
    case OPERATION_GET:
        end = append(append_key(append(end, "mg "), request->key), " v\r\n");
        break;
    case OPERATION_DELETE:
        end = append(append_key(append(end, "md "), request->key), "\r\n");
        break;
    case OPERATION_SET:
        end = append_key(append(end, "ms "), request->key);
        end = append_number(append(end, " "), request->value_bytes);
        if (context->ttl_milliseconds > 0) {
            end = append_number(append(end, " T"), (context->ttl_milliseconds + 999) / 1000);
        }
        end = append_value(append(end, "\r\n"), context, request);
    }
    return (size_t)(end - bytes);
}

static ptrdiff_t decode_memcached(const uint8_t *bytes, size_t count, Reply *reply) {
    ptrdiff_t line = line_length(bytes, count);
    if (line < 0) return 0;
    *reply = (Reply){ .kind = REPLY_ERROR, .bytes = bytes, .count = (size_t)line };
    // HD answers a Set and a Delete alike.
    if (line_starts(bytes, line, "VA ")) return decode_value(bytes, count, line, 3, reply);
    if (line_starts(bytes, line, "HD")) reply->kind = REPLY_DONE;
    else if (line_starts(bytes, line, "EN") || line_starts(bytes, line, "NF")) reply->kind = REPLY_MISSING;
    return line + 2;
}

const Protocol protocol_resp = { .name = "resp", .encode = encode_resp, .decode = decode_resp };
const Protocol protocol_memcached = { .name = "memcached", .encode = encode_memcached, .decode = decode_memcached };

const Protocol *protocol_named(const char *name) {
    const Protocol *all[] = { &protocol_kv, &protocol_resp, &protocol_memcached, &protocol_echo };
    for (size_t index = 0; index < sizeof all / sizeof *all; index++) {
        if (strcmp(all[index]->name, name) == 0) return all[index];
    }
    return NULL;
}
