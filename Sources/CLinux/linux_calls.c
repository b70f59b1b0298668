#define _GNU_SOURCE
#include "linux_calls.h"

int linux_accept4(int listener, int flags) { return accept4(listener, 0, 0, flags); }

void linux_name_thread(pthread_t thread, const char *name) { pthread_setname_np(thread, name); }
