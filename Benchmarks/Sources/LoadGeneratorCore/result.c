#include <stdio.h>

#include "load.h"

void result_print(const Options *options, const Result *result) {
    static const char *const percentile_names[] = { "p50_us", "p90_us", "p99_us", "p999_us" };
    static const double percentiles[] = { 0.5, 0.9, 0.99, 0.999 };
    double operations = result->operations > 0 ? (double)result->operations : 1;
    printf("{\"protocol\":\"%s\",\"connections\":%u,\"depth\":%u,\"rate\":%.0f,\"ops\":%llu,\"seconds\":%.4f",
           options->protocol->name, options->connections, options->depth, options->rate,
           (unsigned long long)result->operations, result->seconds);
    printf(",\"ops_per_second\":%.0f", result->seconds > 0 ? (double)result->operations / result->seconds : 0);
    if (options->pid > 0) {
        printf(",\"server_cpu_us\":%.4f,\"server_busy\":%.3f", (double)result->server_cpu_nanoseconds / 1e3 / operations,
               (double)result->server_cpu_nanoseconds / 1e9 / result->seconds);
    }
    printf(",\"generator_busy\":%.3f", (double)result->generator_cpu_nanoseconds / 1e9 / result->seconds);
    for (int index = 0; index < 4; index++) {
        printf(",\"%s\":%.1f", percentile_names[index],
               (double)histogram_percentile(&result->latencies, percentiles[index]) / 1e3);
    }
    printf(",\"max_us\":%.1f,\"errors\":%llu", (double)result->latencies.max / 1e3, (unsigned long long)result->errors);
    if (result->superseded > 0) printf(",\"superseded\":%llu", (unsigned long long)result->superseded);
    if (result->errors > 0) {
        // Whatever would need escaping in JSON shows as a dot.
        fputs(",\"first_error\":\"", stdout);
        for (const char *text = result->first_error; *text != 0; text++) {
            putchar(*text < ' ' || *text > '~' || *text == '"' || *text == '\\' ? '.' : *text);
        }
        putchar('"');
    }
    puts("}");
}
