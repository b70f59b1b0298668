/* Keys and values of any bytes: bytes ADDRESS PORT set|get KEY_FILE
 * The key is what the file holds; the value comes from standard input, or goes to standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shardkv.h"

static shardkv_connection *connection;

/* All that a file holds. */
static ProtobufCBinaryData contents(FILE *file) {
    ProtobufCBinaryData data = {0};
    size_t capacity = 0, count;
    do {
        if (data.len == capacity) {
            capacity = capacity ? 2 * capacity : 65536;
            data.data = realloc(data.data, capacity);
            if (data.data == NULL) abort();
        }
        count = fread(data.data + data.len, 1, capacity - data.len, file);
        data.len += count;
    } while (count > 0);
    return data;
}

static void fail(void) {
    const shardkv_status *status = shardkv_last_status(connection);
    fprintf(stderr, "%s: %s\n", shardkv_code_name(status->code), status->message);
    exit(1);
}

static void on_set(const Kv__SetResponse *response, void *data) {
    (void)data;
    if (response == NULL) fail();
}

static void on_get(const Kv__GetResponse *response, void *data) {
    (void)data;
    if (response == NULL) fail();
    if (!response->was_found) exit(1);
    fwrite(response->value.data, 1, response->value.len, stdout);
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    FILE *file = fopen(arguments[4], "rb");
    if (file == NULL) return 2;
    ProtobufCBinaryData key = contents(file), value = {0};
    fclose(file);
    connection = shardkv_connect(arguments[1], (uint16_t)atoi(arguments[2]));
    shardkv_set_timeout(connection, 60000);
    if (strcmp(arguments[3], "set") == 0) {
        value = contents(stdin);
        Kv__SetRequest request = KV__SET_REQUEST__INIT;
        request.key = key;
        request.value = value;
        kv__kv__set(shardkv_service(connection), &request, on_set, NULL);
    } else {
        Kv__GetRequest request = KV__GET_REQUEST__INIT;
        request.key = key;
        kv__kv__get(shardkv_service(connection), &request, on_get, NULL);
    }
    shardkv_wait(connection);
    shardkv_close(connection);
    free(key.data);
    free(value.data);
}
