/* Reads messages that anybody may have sent. */
#ifndef SHARDKV_DECODE_H
#define SHARDKV_DECODE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* A message of this type; NULL = the bytes are none, or would take far more memory than any honest one of their length.
 * To be freed with protobuf_c_message_free_unpacked(message, NULL). */
ProtobufCMessage *decode(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t length);

#endif
