#include "decode.h"

#include <stdlib.h>

/* Two bytes make an empty message in a repeated field, which costs a struct and the parser's notes. An honest message
 * takes much less for each byte, and this bounds what a hostile one can take. */
enum { STRUCT_BYTES = 64 };
static const size_t struct_bytes_max = (size_t)64 << 20;

static void *allocate(void *budget, size_t size) {
    size_t *left = budget;
    if (size > *left) return NULL;
    *left -= size;
    return malloc(size);
}

static void release(void *budget, void *pointer) {
    (void)budget;
    free(pointer);
}

/* Numbers of enums that this release does not know become the first one, 0, here and in all nested messages. */
static void replace_unknown_enums(ProtobufCMessage *message) {
    for (unsigned index = 0; index < message->descriptor->n_fields; index++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[index];
        void *value = (uint8_t *)message + field->offset;
        if (field->type == PROTOBUF_C_TYPE_ENUM) {
            int *chosen = value;
            if (protobuf_c_enum_descriptor_get_value(field->descriptor, *chosen) == NULL) *chosen = 0;
        } else if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label == PROTOBUF_C_LABEL_REPEATED) {
            size_t count = *(size_t *)(void *)((uint8_t *)message + field->quantifier_offset);
            for (size_t each = 0; each < count; each++) replace_unknown_enums((*(ProtobufCMessage ***)value)[each]);
        } else if (field->type == PROTOBUF_C_TYPE_MESSAGE && *(ProtobufCMessage **)value != NULL) {
            replace_unknown_enums(*(ProtobufCMessage **)value);
        }
    }
}

ProtobufCMessage *decode(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t length) {
    size_t structs = length < struct_bytes_max / STRUCT_BYTES ? STRUCT_BYTES * length : struct_bytes_max;
    size_t budget = 4096 + length + structs;
    ProtobufCAllocator allocator = {.alloc = allocate, .free = release, .allocator_data = &budget};
    ProtobufCMessage *message = protobuf_c_message_unpack(type, &allocator, length, bytes);
    if (message != NULL) replace_unknown_enums(message);
    return message;
}
