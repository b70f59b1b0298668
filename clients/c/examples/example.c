/* Sets a key and gets it again: example ADDRESS PORT KEY VALUE */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shardkv.h"

static shardkv_connection *connection;

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
    fwrite(response->value.data, 1, response->value.len, stdout);
    puts(response->was_found ? "" : "(nil)");
}

int main(int count, char **arguments) {
    if (count != 5) return 2;
    ProtobufCBinaryData key = {.len = strlen(arguments[3]), .data = (uint8_t *)arguments[3]};
    Kv__SetRequest set = KV__SET_REQUEST__INIT;
    set.key = key;
    set.value = (ProtobufCBinaryData){.len = strlen(arguments[4]), .data = (uint8_t *)arguments[4]};
    Kv__GetRequest get = KV__GET_REQUEST__INIT;
    get.key = key;

    connection = shardkv_connect(arguments[1], (uint16_t)atoi(arguments[2]));
    kv__kv__set(shardkv_service(connection), &set, on_set, NULL);
    shardkv_wait(connection);
    kv__kv__get(shardkv_service(connection), &get, on_get, NULL);
    shardkv_wait(connection);
    shardkv_close(connection);
}
