/* The vectors of proto/conformance, as vectors.py tells them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "session.h"
#include "support.h"

static const ProtobufCMessageDescriptor *find_in_service(const ProtobufCServiceDescriptor *service, const char *name) {
    for (unsigned index = 0; index < service->n_methods; index++) {
        const ProtobufCMethodDescriptor *method = &service->methods[index];
        if (strcmp(method->input->short_name, name) == 0) return method->input;
        if (strcmp(method->output->short_name, name) == 0) return method->output;
    }
    return NULL;
}

/* Of a method's request or response, or of a frame that is neither. */
static const ProtobufCMessageDescriptor *find_message(const char *name) {
    static const ProtobufCMessageDescriptor *const others[] = {&kv__hello__descriptor, &kv__error__descriptor};
    for (size_t index = 0; index < sizeof(others) / sizeof(*others); index++) {
        if (strcmp(others[index]->short_name, name) == 0) return others[index];
    }
    const ProtobufCMessageDescriptor *found = find_in_service(&kv__kv__descriptor, name);
    if (found == NULL) found = find_in_service(&kv__peer__descriptor, name);
    if (found == NULL) fprintf(stderr, "no message %s\n", name);
    CHECK(found != NULL);
    return found;
}

/* "-" = none. */
static buffer from_hexadecimal(const char *digits) {
    buffer bytes = {0};
    unsigned byte;
    for (const char *next = digits; sscanf(next, "%2x", &byte) == 1; next += 2) {
        buffer_append(&bytes, &(uint8_t){(uint8_t)byte}, 1);
    }
    CHECK(bytes.count * 2 == strlen(digits) || strcmp(digits, "-") == 0);
    return bytes;
}

static void append_text(buffer *out, const char *text) { buffer_append(out, text, strlen(text)); }

static void append_hexadecimal(buffer *out, const uint8_t *bytes, size_t count) {
    for (size_t index = 0; index < count; index++) {
        char digits[3];
        snprintf(digits, sizeof(digits), "%02x", bytes[index]);
        append_text(out, digits);
    }
}

static void describe(buffer *out, const ProtobufCMessage *message);

/* Returns false, and appends nothing, for a field's default. */
static bool describe_value(buffer *out, const ProtobufCFieldDescriptor *field, const void *value) {
    char number[32] = "";
    switch (field->type) {
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = value;
        append_hexadecimal(out, bytes->data, bytes->len);
        return bytes->len > 0;
    }
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(char *const *)value;
        append_hexadecimal(out, (const uint8_t *)text, strlen(text));
        return text[0] != 0;
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
        const ProtobufCMessage *nested = *(ProtobufCMessage *const *)value;
        if (nested != NULL) describe(out, nested);
        return nested != NULL;
    }
    case PROTOBUF_C_TYPE_ENUM: {
        int chosen = *(const int *)value;
        const ProtobufCEnumValue *found = protobuf_c_enum_descriptor_get_value(field->descriptor, chosen);
        CHECK(found != NULL);
        if (chosen != 0) append_text(out, found->name);
        return chosen != 0;
    }
    case PROTOBUF_C_TYPE_INT64: snprintf(number, sizeof(number), "%lld", (long long)*(const int64_t *)value); break;
    case PROTOBUF_C_TYPE_FIXED64:
        snprintf(number, sizeof(number), "%llu", (unsigned long long)*(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT32: snprintf(number, sizeof(number), "%ld", (long)*(const int32_t *)value); break;
    case PROTOBUF_C_TYPE_UINT32:
        snprintf(number, sizeof(number), "%lu", (unsigned long)*(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_BOOL: snprintf(number, sizeof(number), "%d", *(const protobuf_c_boolean *)value); break;
    default: CHECK(!"a field of a known type");
    }
    append_text(out, number);
    return strcmp(number, "0") != 0;
}

/* The size of one element of a repeated field. */
static size_t size_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_ENUM: return sizeof(int32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_FIXED64: return sizeof(int64_t);
    case PROTOBUF_C_TYPE_BYTES: return sizeof(ProtobufCBinaryData);
    default: return sizeof(void *);
    }
}

static bool describe_field(buffer *out, const ProtobufCFieldDescriptor *field, const uint8_t *message) {
    if (field->label != PROTOBUF_C_LABEL_REPEATED) return describe_value(out, field, message + field->offset);
    size_t count = *(const size_t *)(const void *)(message + field->quantifier_offset);
    const uint8_t *elements = *(uint8_t *const *)(const void *)(message + field->offset);
    append_text(out, "[");
    for (size_t index = 0; index < count; index++) {
        if (index > 0) append_text(out, ",");
        describe_value(out, field, elements + index * size_of(field));
    }
    append_text(out, "]");
    return count > 0;
}

/* In the form of vectors.py. */
static void describe(buffer *out, const ProtobufCMessage *message) {
    const ProtobufCMessageDescriptor *type = message->descriptor;
    append_text(out, "{");
    bool is_first = true;
    for (unsigned index = 0; index < type->n_fields; index++) {
        const ProtobufCFieldDescriptor *field = &type->fields[type->fields_sorted_by_name[index]];
        size_t before = out->count;
        append_text(out, is_first ? "" : ",");
        append_text(out, field->name);
        append_text(out, "=");
        if (describe_field(out, field, (const uint8_t *)message)) {
            is_first = false;
        } else {
            out->count = before;
        }
    }
    append_text(out, "}");
}

static void check_header(char **words) {
    buffer bytes = from_hexadecimal(words[1]);
    unsigned long numbers[6];
    for (int index = 0; index < 6; index++) numbers[index] = strtoul(words[2 + index], NULL, 10);
    frame_header header = frame_read(bytes.bytes);
    CHECK(header.length == numbers[0] && header.type == numbers[1] && header.flags == numbers[2]);
    CHECK(header.code == numbers[3] && header.request_id == numbers[4] && header.auxiliary == numbers[5]);
    uint8_t written[FRAME_HEADER_BYTES];
    frame_write(written, &header);
    CHECK(bytes.count == sizeof(written) && memcmp(written, bytes.bytes, sizeof(written)) == 0);
    buffer_free(&bytes);
}

static void check_message(char **words) {
    buffer bytes = from_hexadecimal(words[2]), fields = {0};
    ProtobufCMessage *message = decode(find_message(words[1]), bytes.bytes, bytes.count);
    CHECK(message != NULL);
    describe(&fields, message);
    CHECK(fields.count == strlen(words[3]) && memcmp(fields.bytes, words[3], fields.count) == 0);
    if (strcmp(words[4], "1") == 0) {
        uint8_t *encoded = malloc(protobuf_c_message_get_packed_size(message) + 1);
        CHECK(protobuf_c_message_pack(message, encoded) == bytes.count);
        CHECK(bytes.count == 0 || memcmp(encoded, bytes.bytes, bytes.count) == 0);
        free(encoded);
    }
    protobuf_c_message_free_unpacked(message, NULL);
    buffer_free(&bytes);
    buffer_free(&fields);
}

static void check_malformed(char **words) {
    buffer bytes = from_hexadecimal(words[2]);
    CHECK(decode(find_message(words[1]), bytes.bytes, bytes.count) == NULL);
    buffer_free(&bytes);
}

/* Shows the frame to a session with a call of this method under way whose id is that of the frame. */
static void play(const char *digits, const char *method_name, session *client, outcome *result) {
    const ProtobufCMethodDescriptor *method =
        protobuf_c_service_descriptor_get_method_by_name(&kv__kv__descriptor, method_name);
    CHECK(method != NULL);
    buffer bytes = from_hexadecimal(digits);
    CHECK(session_init(client));
    client->calls.last_id = frame_read(bytes.bytes).request_id - 1;
    *result = (outcome){.source = &client->status};
    ProtobufCMessage *request = decode(method->input, NULL, 0);
    session_begin(client, (unsigned)(method - kv__kv__descriptor.methods), request, record, result, 0);
    protobuf_c_message_free_unpacked(request, NULL);
    session_sent(client, client->out.byte_count);
    size_t size;
    uint8_t *room = session_room(client, &size);
    CHECK(bytes.count <= size);
    memcpy(room, bytes.bytes, bytes.count);
    session_received(client, bytes.count);
    CHECK(client->input_length == 0 && client->bytes_to_skip == 0 && client->phase == SESSION_OPEN);
    buffer_free(&bytes);
}

static void finish(session *client) {
    session_end(client, SHARDKV_CANCELLED, "closed");
    session_deliver(client);
    session_free(client);
}

static void check_status(char **words) {
    session client;
    outcome result;
    play(words[1], words[2], &client, &result);
    CHECK(result.runs == 1);
    CHECK(result.status.code == strtoul(words[3], NULL, 10) && result.status.reason == strtoul(words[4], NULL, 10));
    CHECK(result.status.load == strtoul(words[5], NULL, 10));
    CHECK(result.status.retry_after_ms == strtoul(words[6], NULL, 10));
    finish(&client);
}

static void check_skipped(char **words) {
    session client;
    outcome result;
    play(words[1], "Get", &client, &result);
    CHECK(result.runs == 0);
    finish(&client);
}

static void check_key(char **words) {
    buffer key = from_hexadecimal(words[1]);
    CHECK(shardkv_hash(key.bytes, key.count) == strtoul(words[2], NULL, 10));
    CHECK(shardkv_shard(key.bytes, key.count, (uint32_t)strtoul(words[3], NULL, 10)) == strtoul(words[4], NULL, 10));
    buffer_free(&key);
}

static const char *vectors;

static void all_vectors_hold(void) {
    static const struct {
        const char *word;
        int count;
        void (*check)(char **words);
    } kinds[] = {
        {"header", 8, check_header}, {"status", 7, check_status},   {"message", 5, check_message},
        {"key", 5, check_key},       {"skipped", 2, check_skipped}, {"malformed", 3, check_malformed},
    };
    enum { KINDS = sizeof(kinds) / sizeof(*kinds) };
    int counts[KINDS] = {0};
    FILE *file = fopen(vectors, "r");
    CHECK(file != NULL);
    char *line = NULL;
    size_t size = 0;
    while (getline(&line, &size, file) > 0) {
        char *words[8];
        int count = 0, kind = 0;
        for (char *word = strtok(line, " \n"); word != NULL && count < 8; word = strtok(NULL, " \n")) {
            words[count++] = word;
        }
        CHECK(count > 0);
        while (kind < KINDS && strcmp(kinds[kind].word, words[0]) != 0) kind++;
        CHECK(kind < KINDS && count == kinds[kind].count);
        kinds[kind].check(words);
        counts[kind]++;
    }
    free(line);
    fclose(file);
    for (int kind = 0; kind < KINDS; kind++) CHECK(counts[kind] > 0);
}

int main(int count, char **arguments) {
    if (count < 3) {
        printf("conformance_test: skipped, for there are no vectors\n");
        return 0;
    }
    vectors = arguments[2];
    RUN(all_vectors_hold);
    tests_passed(arguments[0]);
}
