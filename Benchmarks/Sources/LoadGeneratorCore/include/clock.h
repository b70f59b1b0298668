// The clocks: monotonic for durations, the calendar's for versions and deadlines, and a process' CPU time.
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t nanoseconds_of(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static inline uint64_t nanoseconds(void) { return nanoseconds_of(CLOCK_MONOTONIC); }

static inline uint64_t milliseconds_since_1970(void) { return nanoseconds_of(CLOCK_REALTIME) / 1000000; }

/// The CPU time of all living threads of a process, in nanoseconds: from /proc/PID/task/*/schedstat; where the kernel
/// keeps none, from /proc/PID/stat, which counts in ticks. 0 if there is no such process.
uint64_t cpu_nanoseconds(int pid);
