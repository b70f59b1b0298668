// Linux calls that Swift's Glibc module does not show.
#ifndef LINUX_CALLS_H
#define LINUX_CALLS_H

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>

int linux_accept4(int listener, int flags);

// As epoll_wait, recv and send. In a process with several threads the C library's own allow a thread to be cancelled while it
// waits, which takes two locked instructions at each call; ours is never cancelled.
int linux_epoll_wait(int epoll, struct epoll_event *events, int capacity, int timeout_milliseconds);
ssize_t linux_receive(int socket, void *bytes, size_t count);
ssize_t linux_send(int socket, const void *bytes, size_t count, int flags);

// Names a thread for ps and top; at most 15 bytes.
void linux_name_thread(pthread_t thread, const char *name);

// Starts loading the cache line of an address that is read soon. Any address is allowed.
static inline void linux_prefetch(const void *address) { __builtin_prefetch(address, 0, 3); }

// What a spin loop does between two looks.
static inline void linux_spin_hint(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
