#define _GNU_SOURCE
#include "linux_calls.h"

#include <sys/syscall.h>
#include <unistd.h>

int linux_accept4(int listener, int flags) { return accept4(listener, 0, 0, flags); }

int linux_epoll_wait(int epoll, struct epoll_event *events, int capacity, int timeout_milliseconds) {
    // The last argument is the size of the signal mask before it.
    return (int)syscall(SYS_epoll_pwait, epoll, events, capacity, timeout_milliseconds, NULL, 8);
}

ssize_t linux_receive(int socket, void *bytes, size_t count) {
    return syscall(SYS_recvfrom, socket, bytes, count, 0, NULL, NULL);
}

ssize_t linux_send(int socket, const void *bytes, size_t count, int flags) {
    return syscall(SYS_sendto, socket, bytes, count, flags, NULL, 0);
}

void linux_name_thread(pthread_t thread, const char *name) { pthread_setname_np(thread, name); }
