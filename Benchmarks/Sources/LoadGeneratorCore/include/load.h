// The load itself: sends the requests of a run, checks every reply, measures.
#pragma once

#include "histogram.h"
#include "options.h"

typedef struct {
    /// Replies within the measured window, and how long that was.
    uint64_t operations;
    double seconds;
    /// From sending (closed loop) or being due (open loop) to the reply's arrival, in nanoseconds.
    Histogram latencies;
    /// Wrong or failed replies, of the warm-up too, and what the first of them was.
    uint64_t errors;
    char first_error[160];
    /// Writes that a concurrent one of a greater version overtook.
    uint64_t superseded;
    /// CPU time within the window; the server's 0 if it was not asked for.
    uint64_t server_cpu_nanoseconds, generator_cpu_nanoseconds;
} Result;

/// Runs to the end. Ends the process with status 2 if a connection fails.
void load_run(const Options *options, Result *result);

/// One line of JSON on stdout.
void result_print(const Options *options, const Result *result);
