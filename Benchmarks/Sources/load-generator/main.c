#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "connection.h"
#include "load.h"

static void give_up(int signal) {
    (void)signal;
    static const char message[] = "load-generator: the time limit is over; replies are missing\n";
    ssize_t ignored = write(STDERR_FILENO, message, sizeof message - 1);
    (void)ignored;
    _exit(3);
}

int main(int count, char **arguments) {
    Options options = options_parse(count, arguments);
    if (options.command == COMMAND_FREE_PORT) {
        uint16_t port = free_port();
        printf("%d\n", port);
        return port == 0 ? 2 : 0;
    }
    if (options.command == COMMAND_WAIT) {
        if (wait_for_server(&options, options.seconds)) return 0;
        fprintf(stderr, "load-generator: no answer on port %d within %g s\n", options.port, options.seconds);
        return 2;
    }
    signal(SIGALRM, give_up);
    alarm((unsigned)options.time_limit);
    // The kernel's habit of waking sleepers up to 50 µs late would be part of every open-loop latency.
    prctl(PR_SET_TIMERSLACK, 1);

    static Result result;
    load_run(&options, &result);
    result_print(&options, &result);
    return result.errors == 0 ? 0 : 1;
}
