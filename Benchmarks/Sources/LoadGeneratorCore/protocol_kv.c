// ShardKV's frames: proto/PROTOCOL.md and proto/kv.proto. Requests are as the Swift client sends them: each with a
// timeout, writes with a version, a deadline and the client's clock.
#include "bytes.h"
#include "keys.h"
#include "protocol.h"

enum { FRAME_HELLO = 1, FRAME_REQUEST = 2, FRAME_RESPONSE = 3, FRAME_PING = 5, FRAME_GO_AWAY = 6 };
enum { METHOD_GET = 0, METHOD_SET = 1, METHOD_DELETE = 2 };
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };
enum { REQUEST_TIMEOUT_MILLISECONDS = 1000 };

#define TAG(field, wire) (uint8_t)((field) << 3 | (wire))

static uint8_t *append_fixed64(uint8_t *bytes, int field, uint64_t value) {
    if (value == 0) return bytes;
    *bytes = TAG(field, WIRE_FIXED64);
    store64(bytes + 1, value);
    return bytes + 9;
}

static uint8_t *append_key(uint8_t *bytes, uint64_t index) {
    bytes[0] = TAG(1, WIRE_BYTES);
    bytes[1] = KEY_BYTES;
    write_key(index, bytes + 2);
    return bytes + 2 + KEY_BYTES;
}

/// A hybrid logical clock: the milliseconds in the upper 48 bits, and greater than any before.
static uint64_t next_version_time(RequestContext *context) {
    uint64_t time = context->now << 16;
    context->version_time = time > context->version_time ? time : context->version_time + 1;
    return context->version_time;
}

static size_t encode(RequestContext *context, const Request *request, uint8_t *bytes) {
    uint8_t *end = append_key(bytes + FRAME_HEADER_BYTES, request->key);
    uint32_t method = METHOD_GET;
    if (request->operation == OPERATION_GET) {
        end = append_fixed64(end, 2, context->view);
    } else {
        method = request->operation == OPERATION_SET ? METHOD_SET : METHOD_DELETE;
        if (request->operation == OPERATION_SET && request->value_bytes > 0) {
            *end++ = TAG(2, WIRE_BYTES);
            end += store_varint(end, request->value_bytes);
            write_value(request->key, context->pattern, request->value_bytes, end);
            end += request->value_bytes;
        }
        end = append_fixed64(end, 4, context->view);
        end = append_fixed64(end, 5, next_version_time(context));
        end = append_fixed64(end, 6, context->writer);
        if (request->operation == OPERATION_SET && context->ttl_milliseconds > 0) {
            uint64_t spread = mix(request->key) % (context->ttl_spread_milliseconds + 1);
            end = append_fixed64(end, 7, context->now + context->ttl_milliseconds + spread);
        }
        end = append_fixed64(end, 8, context->now);
    }
    store32(bytes, (uint32_t)(end - bytes) - FRAME_HEADER_BYTES);
    store32(bytes + 4, FRAME_REQUEST | method << 16);
    store32(bytes + 8, request->id);
    store32(bytes + 12, REQUEST_TIMEOUT_MILLISECONDS);
    return (size_t)(end - bytes);
}

/// A GetResponse has a value (unless it is empty) and was_found (if true); the others have no bytes, or the greater
/// version that is in place.
static void read_payload(const uint8_t *payload, size_t count, Reply *reply) {
    static const uint8_t problem[] = "no such reply";
    *reply = (Reply){ .kind = count == 0 ? REPLY_DONE : REPLY_ERROR, .id = reply->id,
                      .bytes = problem, .count = sizeof problem - 1 };
    if (count == 0) return;
    if (count == 18 && payload[0] == TAG(1, WIRE_FIXED64) && payload[9] == TAG(2, WIRE_FIXED64)) {
        reply->kind = REPLY_SUPERSEDED;
        return;
    }
    const uint8_t *value = payload;
    uint64_t value_bytes = 0;
    size_t place = 0;
    if (payload[0] == TAG(1, WIRE_BYTES)) {
        size_t length = load_varint(payload + 1, count - 1, &value_bytes);
        place = 1 + length;
        if (length == 0 || value_bytes > count - place) return;
        value = payload + place;
        place += value_bytes;
    }
    if (count - place == 2 && payload[place] == TAG(2, WIRE_VARINT) && payload[place + 1] == 1) {
        *reply = (Reply){ .kind = REPLY_VALUE, .id = reply->id, .bytes = value, .count = value_bytes };
    }
}

/// The message of an Error, its first field.
static void read_error(const uint8_t *payload, size_t count, Reply *reply) {
    reply->kind = REPLY_ERROR;
    reply->bytes = payload;
    reply->count = 0;
    uint64_t length;
    if (count == 0 || payload[0] != TAG(1, WIRE_BYTES)) return;
    size_t prefix = 1 + load_varint(payload + 1, count - 1, &length);
    if (prefix == 1 || length > count - prefix) return;
    reply->bytes = payload + prefix;
    reply->count = length;
}

static ptrdiff_t decode(const uint8_t *bytes, size_t count, Reply *reply) {
    if (count < FRAME_HEADER_BYTES) return 0;
    size_t payload_bytes = load32(bytes);
    if (count - FRAME_HEADER_BYTES < payload_bytes) return 0;
    const uint8_t *payload = bytes + FRAME_HEADER_BYTES;
    reply->id = load32(bytes + 8);
    if (bytes[4] == FRAME_GO_AWAY || (bytes[4] == FRAME_RESPONSE && load16(bytes + 6) != 0)) {
        read_error(payload, payload_bytes, reply);
    } else if (bytes[4] == FRAME_RESPONSE) {
        read_payload(payload, payload_bytes, reply);
    } else {
        reply->kind = REPLY_NOTICE;
    }
    return (ptrdiff_t)(FRAME_HEADER_BYTES + payload_bytes);
}

size_t kv_reply_payload_bytes(Operation operation, uint32_t value_bytes) {
    if (operation != OPERATION_GET) return 0;
    return (value_bytes == 0 ? 0 : 1 + varint_bytes(value_bytes) + value_bytes) + 2;
}

static const uint8_t preface[] = { 'S', 'h', 'a', 'r', 'd', 'K', 'V', 1 };

const Protocol protocol_kv = {
    .name = "kv", .preface = preface, .preface_bytes = sizeof preface, .has_ids = true,
    .encode = encode, .decode = decode,
};

/// The echo server's requests are ours, and say in place of a timeout how long the reply's payload shall be.
static size_t encode_echo(RequestContext *context, const Request *request, uint8_t *bytes) {
    size_t count = encode(context, request, bytes);
    store32(bytes + 12, (uint32_t)kv_reply_payload_bytes(request->operation, request->value_bytes));
    return count;
}

static ptrdiff_t decode_echo(const uint8_t *bytes, size_t count, Reply *reply) {
    if (count < FRAME_HEADER_BYTES) return 0;
    size_t payload_bytes = load32(bytes);
    if (count - FRAME_HEADER_BYTES < payload_bytes) return 0;
    *reply = (Reply){ .kind = REPLY_ECHO, .id = load32(bytes + 8), .count = payload_bytes };
    return (ptrdiff_t)(FRAME_HEADER_BYTES + payload_bytes);
}

const Protocol protocol_echo = {
    .name = "echo", .has_ids = true, .encode = encode_echo, .decode = decode_echo,
};
