// Swift copies an imported global, and a descriptor is known by its address: so it is asked for by a call.
#ifndef KV_SERVICES_H
#define KV_SERVICES_H

#include "kv.pb-c.h"

static inline const ProtobufCServiceDescriptor *kv_service_descriptor(void) { return &kv__kv__descriptor; }
static inline const ProtobufCServiceDescriptor *kv_peer_service_descriptor(void) { return &kv__peer__descriptor; }

#endif
