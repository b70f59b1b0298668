// What one run shall do, as the command line says it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "keys.h"
#include "protocol.h"

typedef enum { COMMAND_RUN, COMMAND_LOAD, COMMAND_DELETE, COMMAND_WAIT, COMMAND_FREE_PORT } Command;

typedef struct {
    Command command;
    const Protocol *protocol;
    const char *host;
    uint16_t port;
    /// The server's process, whose CPU time is counted; 0 = not counted.
    int pid;
    /// Gets per hundred requests; the others are Sets.
    int get_percent;
    uint64_t keys, first, stride;
    Distribution distribution;
    ValueSizes value_sizes;
    uint32_t connections, depth;
    /// Open loop: requests per second over all connections; 0 = closed loop.
    double rate;
    double seconds, warmup_seconds;
    /// Ends after so many requests rather than after `seconds`; 0 = by time.
    uint64_t requests;
    uint64_t ttl_milliseconds, ttl_spread_milliseconds, view, seed;
    /// The run is given up after this many seconds.
    int time_limit;
} Options;

/// Ends the process with status 2 and one line on a wrong command line, with 0 after --help.
Options options_parse(int count, char **arguments);
