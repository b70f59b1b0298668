#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: load-generator COMMAND --protocol kv|resp|memcached|echo --port N [options]\n"
    "\n"
    "commands\n"
    "  run        closed loop: each connection sends --depth requests, waits for the replies, repeats;\n"
    "             with --rate: open loop, latencies count from the moment a request was due\n"
    "  load       sets the keys first, first + stride, … once each\n"
    "  delete     deletes the keys first, first + stride, … once each\n"
    "  wait       waits until the server answers a request\n"
    "  free-port  prints a free TCP port of the loopback interface\n"
    "\n"
    "options (defaults in brackets)\n"
    "  --host ADDRESS [127.0.0.1]       --pid PID: count this process' CPU time\n"
    "  --get-percent N [100]            the other requests are Sets\n"
    "  --keys N [100000]                --distribution uniform|zipf|sequential [uniform]\n"
    "  --first N [0]                    --stride N [1]: of sequential keys\n"
    "  --value-bytes N or MIN-MAX [32]  --size-salt N [0]: another one gives each key another size\n"
    "  --connections N [16]             --depth N [1]\n"
    "  --rate N: requests per second    --requests N: end after so many\n"
    "  --seconds N [1]                  --warmup N [0.1]: seconds before counting\n"
    "  --ttl-ms N [0 = none]            --ttl-spread-ms N [0]: keys live up to so much longer (kv)\n"
    "  --view HEX [0 = none]: the view our requests name\n"
    "  --seed N [1]                     --time-limit SECONDS: give up [seconds + 15; load, delete: 600]\n"
    "\n"
    "Prints one line of JSON. Exit status: 0 all replies right, 1 some were wrong, 2 could not run, 3 time limit.\n";

static _Noreturn void fail(const char *what, const char *value) {
    fprintf(stderr, "load-generator: %s: %s\n", what, value);
    exit(2);
}

static double number(const char *text, double min, double max) {
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != 0 || !(value >= min && value <= max)) fail("not a number in range", text);
    return value;
}

static uint64_t whole(const char *text, double min, double max) { return (uint64_t)number(text, min, max); }

static ValueSizes sizes(char *text) {
    char *dash = strchr(text, '-');
    if (dash != NULL) *dash = 0;
    ValueSizes sizes = { .min = (uint32_t)whole(text, 0, 64 << 20) };
    sizes.max = dash == NULL ? sizes.min : (uint32_t)whole(dash + 1, sizes.min, 64 << 20);
    return sizes;
}

static int index_of(const char *name, const char *const *names, int count) {
    for (int index = 0; index < count; index++) {
        if (strcmp(name, names[index]) == 0) return index;
    }
    fail("unknown", name);
}

enum {
    OPTION_PROTOCOL = 256, OPTION_HOST, OPTION_PORT, OPTION_PID, OPTION_GET_PERCENT, OPTION_KEYS, OPTION_FIRST,
    OPTION_STRIDE, OPTION_DISTRIBUTION, OPTION_VALUE_BYTES, OPTION_SIZE_SALT, OPTION_CONNECTIONS, OPTION_DEPTH,
    OPTION_RATE, OPTION_SECONDS, OPTION_WARMUP, OPTION_REQUESTS, OPTION_TTL, OPTION_TTL_SPREAD, OPTION_VIEW, OPTION_SEED,
    OPTION_TIME_LIMIT, OPTION_HELP,
};

static const struct option long_options[] = {
    { "protocol", required_argument, NULL, OPTION_PROTOCOL },
    { "host", required_argument, NULL, OPTION_HOST },
    { "port", required_argument, NULL, OPTION_PORT },
    { "pid", required_argument, NULL, OPTION_PID },
    { "get-percent", required_argument, NULL, OPTION_GET_PERCENT },
    { "keys", required_argument, NULL, OPTION_KEYS },
    { "first", required_argument, NULL, OPTION_FIRST },
    { "stride", required_argument, NULL, OPTION_STRIDE },
    { "distribution", required_argument, NULL, OPTION_DISTRIBUTION },
    { "value-bytes", required_argument, NULL, OPTION_VALUE_BYTES },
    { "size-salt", required_argument, NULL, OPTION_SIZE_SALT },
    { "connections", required_argument, NULL, OPTION_CONNECTIONS },
    { "depth", required_argument, NULL, OPTION_DEPTH },
    { "rate", required_argument, NULL, OPTION_RATE },
    { "seconds", required_argument, NULL, OPTION_SECONDS },
    { "warmup", required_argument, NULL, OPTION_WARMUP },
    { "requests", required_argument, NULL, OPTION_REQUESTS },
    { "ttl-ms", required_argument, NULL, OPTION_TTL },
    { "ttl-spread-ms", required_argument, NULL, OPTION_TTL_SPREAD },
    { "view", required_argument, NULL, OPTION_VIEW },
    { "seed", required_argument, NULL, OPTION_SEED },
    { "time-limit", required_argument, NULL, OPTION_TIME_LIMIT },
    { "help", no_argument, NULL, OPTION_HELP },
    { 0 },
};

static void apply(Options *options, int option, char *value, uint64_t *salt) {
    static const char *const distributions[] = { "uniform", "zipf", "sequential" };
    const double many = 4294967295;
    switch (option) {
    case OPTION_PROTOCOL:
        options->protocol = protocol_named(value);
        if (options->protocol == NULL) fail("unknown protocol", value);
        break;
    case OPTION_HOST: options->host = value; break;
    case OPTION_PORT: options->port = (uint16_t)whole(value, 1, 65535); break;
    case OPTION_PID: options->pid = (int)whole(value, 1, 1 << 30); break;
    case OPTION_GET_PERCENT: options->get_percent = (int)whole(value, 0, 100); break;
    case OPTION_KEYS: options->keys = whole(value, 1, many); break;
    case OPTION_FIRST: options->first = whole(value, 0, many); break;
    case OPTION_STRIDE: options->stride = whole(value, 1, many); break;
    case OPTION_DISTRIBUTION: options->distribution = (Distribution)index_of(value, distributions, 3); break;
    case OPTION_VALUE_BYTES: options->value_sizes = sizes(value); break;
    case OPTION_SIZE_SALT: *salt = whole(value, 0, 1 << 20); break;
    case OPTION_CONNECTIONS: options->connections = (uint32_t)whole(value, 1, 100000); break;
    case OPTION_DEPTH: options->depth = (uint32_t)whole(value, 1, 4096); break;
    case OPTION_RATE: options->rate = number(value, 1, 1e8); break;
    case OPTION_SECONDS: options->seconds = number(value, 0.01, 86400); break;
    case OPTION_WARMUP: options->warmup_seconds = number(value, 0, 3600); break;
    case OPTION_REQUESTS: options->requests = whole(value, 1, 1e15); break;
    case OPTION_TTL: options->ttl_milliseconds = whole(value, 0, 1e13); break;
    case OPTION_TTL_SPREAD: options->ttl_spread_milliseconds = whole(value, 0, 1e13); break;
    case OPTION_VIEW: options->view = strtoull(value, NULL, 16); break;
    case OPTION_SEED: options->seed = whole(value, 0, 1e15); break;
    case OPTION_TIME_LIMIT: options->time_limit = (int)whole(value, 1, 1 << 20); break;
    case OPTION_HELP:
        fputs(usage, stdout);
        exit(0);
    default: exit(2);
    }
}

Options options_parse(int count, char **arguments) {
    static const char *const commands[] = { "run", "load", "delete", "wait", "free-port" };
    Options options = {
        .host = "127.0.0.1", .get_percent = 100, .keys = 100000, .stride = 1, .value_sizes = { .min = 32, .max = 32 },
        .connections = 16, .depth = 1, .seconds = 1, .warmup_seconds = 0.1, .seed = 1,
    };
    uint64_t salt = 0;
    int option;
    while ((option = getopt_long(count, arguments, "", long_options, NULL)) != -1) {
        apply(&options, option, optarg, &salt);
    }
    options.value_sizes.salt = salt;
    if (optind != count - 1) fail("expected one command", "see --help");
    options.command = (Command)index_of(arguments[optind], commands, 5);
    if (options.command == COMMAND_FREE_PORT) return options;
    if (options.protocol == NULL || options.port == 0) fail("needed", "--protocol and --port");

    if (options.command == COMMAND_LOAD || options.command == COMMAND_DELETE) {
        options.distribution = DISTRIBUTION_SEQUENTIAL;
        options.requests = options.keys;
        options.get_percent = 0;
    }
    if (options.requests > 0) options.warmup_seconds = 0;
    if (options.time_limit == 0) {
        options.time_limit = options.requests > 0 ? 600 : (int)(options.seconds + options.warmup_seconds) + 15;
    }
    return options;
}
