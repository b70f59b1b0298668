/* The session that PROTOCOL.md tells byte by byte: what the client sends is what the document says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "session.h"
#include "support.h"

enum { TURNS = 16 };

/* A run of bytes that one side sends before the other one does. */
typedef struct {
    bool is_client;
    buffer bytes;
} turn;

/* Reads the document's session block; a PING of the client's is left out, which this one never sends. */
static int read_turns(const char *path, turn *turns) {
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    char line[512];
    int count = 0;
    bool is_inside = false;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, "```", 3) == 0) is_inside = strncmp(line, "```session", 10) == 0;
        if (!is_inside || (line[0] != 'C' && line[0] != 'S') || (line[0] == 'C' && strstr(line, "; PING") != NULL)) {
            continue;
        }
        bool is_client = line[0] == 'C';
        if (count == 0 || turns[count - 1].is_client != is_client) {
            CHECK(count < TURNS);
            turns[count++] = (turn){.is_client = is_client};
        }
        char *next = line + 1;
        for (unsigned byte; sscanf(next, " %2x", &byte) == 1; next += 3) {
            buffer_append(&turns[count - 1].bytes, &(uint8_t){(uint8_t)byte}, 1);
        }
    }
    fclose(file);
    return count;
}

/* What the caller in the document's story does before its turn. */
static void act(session *client, int action, outcome *results) {
    for (int index = 0; index < 3; index++) results[index].source = &client->status;
    client->timeout_ms = 1000;
    if (action == 1) {
        Kv__SetRequest set = KV__SET_REQUEST__INIT;
        set.key = get_request("apple").key;
        set.value = get_request("red").key;
        set.ttl_ms = 60000;
        session_begin(client, 1, &set.base, record, &results[0], 0);
    } else if (action == 2) {
        Kv__GetRequest get = get_request("apple"), empty = get_request("");
        session_begin(client, 0, &get.base, (ProtobufCClosure)record_get, &results[1], 0);
        session_begin(client, 0, &empty.base, (ProtobufCClosure)record_get, &results[2], 0);
    }
}

static const char *document;

static void the_documented_session_plays(void) {
    turn turns[TURNS];
    int count = read_turns(document, turns);
    CHECK(count == 6);
    session client;
    CHECK(session_init(&client));
    outcome results[3] = {0};
    for (int index = 0; index < count; index++) {
        buffer *bytes = &turns[index].bytes;
        if (turns[index].is_client) {
            act(&client, index / 2, results);
            struct iovec pieces[4];
            int piece_count = session_gather(&client, pieces, 4, 0);
            buffer sent = {0};
            for (int piece = 0; piece < piece_count; piece++) {
                buffer_append(&sent, pieces[piece].iov_base, pieces[piece].iov_len);
            }
            session_sent(&client, sent.count);
            CHECK(sent.count == bytes->count && memcmp(sent.bytes, bytes->bytes, sent.count) == 0);
            buffer_free(&sent);
        } else {
            size_t size;
            memcpy(session_room(&client, &size), bytes->bytes, bytes->count);
            session_received(&client, bytes->count);
        }
        buffer_free(bytes);
    }
    CHECK(strcmp(client.hello->node, "n1") == 0 && client.hello->map_epoch == 7);
    CHECK(results[0].runs == 1 && results[0].has_response);
    CHECK(has_value(&results[1], "red"));
    CHECK(has_failed(&results[2], SHARDKV_INVALID_ARGUMENT, SHARDKV_REASON_NONE));
    CHECK(strcmp(results[2].message, "the key is empty") == 0);
    outcome_free(&results[1]);
    session_free(&client);
}

int main(int count, char **arguments) {
    CHECK(count >= 2);
    char path[4096];
    snprintf(path, sizeof(path), "%s/PROTOCOL.md", arguments[1]);
    document = path;
    RUN(the_documented_session_plays);
    tests_passed(arguments[0]);
}
