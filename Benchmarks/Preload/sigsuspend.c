// To be preloaded into what runs under Valgrind. libdispatch lets the main thread of a Swift program wait in sigsuspend
// with a mask in read-only memory, and Valgrind (3.19) writes to that mask, and crashes. Here it gets a copy.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { KERNEL_MASK_BYTES = 8 };

int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    return (int)syscall(SYS_rt_sigsuspend, &copy, KERNEL_MASK_BYTES);
}
