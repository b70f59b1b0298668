#include "server_process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

static uint16_t free_port(void) {
    int probe = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    CHECK(bind(probe, (struct sockaddr *)&address, size) == 0);
    CHECK(getsockname(probe, (struct sockaddr *)&address, &size) == 0);
    close(probe);
    return ntohs(address.sin_port);
}

static void write_map(const server_process *self) {
    FILE *file = fopen(self->map, "w");
    CHECK(file != NULL);
    fprintf(file,
            "{\"numShards\": 2, \"nodes\": {\"n1\": {\"address\": \"127.0.0.1\", \"port\": %u}},"
            " \"shards\": {\"1\": [\"n1\"], \"2\": [\"n1\"]}}",
            (unsigned)self->port);
    fclose(file);
}

static void await_serving(const server_process *self) {
    for (int attempt = 0; attempt < 1000; attempt++) {
        CHECK(server_is_alive(self));
        shardkv_connection *connection = shardkv_connect("127.0.0.1", self->port);
        outcome result = {.source = shardkv_last_status(connection)};
        Kv__GetRequest request = get_request("is it there?");
        kv__kv__get(shardkv_service(connection), &request, record_get, &result);
        shardkv_wait(connection);
        shardkv_close(connection);
        if (result.has_response) return;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    }
    CHECK(!"the server serves");
}

server_process server_start(const char *binary) {
    server_process self = {.port = free_port(), .directory = "/tmp/shardkv-c-XXXXXX"};
    CHECK(mkdtemp(self.directory) != NULL);
    snprintf(self.map, sizeof(self.map), "%s/map.json", self.directory);
    write_map(&self);
    self.process = fork();
    CHECK(self.process >= 0);
    if (self.process == 0) {
        /* A failed check ends the test at once: the server must not outlive it. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
        execl(binary, binary, "server", "--shardmap", self.map, "--node", "n1", (char *)NULL);
        _exit(127);
    }
    await_serving(&self);
    return self;
}

bool server_is_alive(const server_process *self) { return waitpid(self->process, NULL, WNOHANG) == 0; }

bool server_stop(server_process *self) {
    int status = 0;
    kill(self->process, SIGTERM);
    waitpid(self->process, &status, 0);
    unlink(self->map);
    rmdir(self->directory);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
