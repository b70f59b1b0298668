/* A real server of the test's own. */
#ifndef SHARDKV_TESTS_SERVER_PROCESS_H
#define SHARDKV_TESTS_SERVER_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct {
    pid_t process;
    uint16_t port;
    char directory[64];
    char map[80];
} server_process;

/* Starts `binary` as the only node of a map with two shards; it serves when this returns. */
server_process server_start(const char *binary);
bool server_is_alive(const server_process *self);
/* Ends it with SIGTERM; returns whether it left with exit code 0. */
bool server_stop(server_process *self);

#endif
