// Tests of the load generator's parts; scripts/bench-test.sh builds and runs them. The frames are checked against the
// project's own protobuf code, the rest against simple models.
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "clock.h"
#include "histogram.h"
#include "keys.h"
#include "kv.pb-c.h"
#include "options.h"
#include "protocol.h"

static int failures;

#define EXPECT(condition) expect(condition, #condition, __func__, __LINE__)

static void expect(int holds, const char *what, const char *where, int line) {
    if (holds) return;
    fprintf(stderr, "%s:%d: expected %s\n", where, line, what);
    failures++;
}

static uint8_t pattern[1024];

static RequestContext context(void) {
    return (RequestContext){ .pattern = pattern, .view = 0x1122334455667788, .writer = 77, .now = 1700000000000,
                             .ttl_milliseconds = 5000 };
}

static void test_keys(void) {
    uint8_t key[KEY_BYTES];
    write_key(0xabcdef012345, key);
    EXPECT(memcmp(key, "key-abcdef012345", KEY_BYTES) == 0);
    write_key(255, key);
    EXPECT(memcmp(key, "key-0000000000ff", KEY_BYTES) == 0);

    uint8_t value[100];
    write_value(7, pattern, 100, value);
    EXPECT(is_value(7, pattern, 100, value));
    EXPECT(!is_value(8, pattern, 100, value));
    value[99] ^= 1;
    EXPECT(!is_value(7, pattern, 100, value));
    write_value(7, pattern, 3, value);
    EXPECT(is_value(7, pattern, 3, value) && !is_value(8, pattern, 3, value) && is_value(8, pattern, 0, value));

    ValueSizes sizes = { .min = 10, .max = 20 };
    ValueSizes others = { .min = 10, .max = 20, .salt = 1 };
    uint32_t differing = 0;
    uint64_t seen = 0;
    for (uint64_t index = 0; index < 1000; index++) {
        uint32_t size = value_size(&sizes, index);
        EXPECT(size >= 10 && size <= 20 && size == value_size(&sizes, index));
        seen |= 1ull << size;
        differing += size != value_size(&others, index);
    }
    EXPECT(seen == 0x1ffc00 && differing > 800);
}

static void test_distributions(void) {
    enum { COUNT = 1000, DRAWS = 1000000 };
    static uint32_t drawn[COUNT];
    KeyChooser uniform = key_chooser(DISTRIBUTION_UNIFORM, COUNT, 0, 1, 42);
    for (int draw = 0; draw < DRAWS; draw++) drawn[choose_key(&uniform)]++;
    for (int index = 0; index < COUNT; index++) EXPECT(drawn[index] > 800 && drawn[index] < 1200);

    memset(drawn, 0, sizeof drawn);
    KeyChooser zipf = key_chooser(DISTRIBUTION_ZIPF, COUNT, 0, 1, 42);
    double zeta = 0;
    for (int rank = 1; rank <= COUNT; rank++) zeta += pow(rank, -0.99);
    for (int draw = 0; draw < DRAWS; draw++) drawn[zipf_rank(&zipf)]++;
    // Gray's method is exact for the first two ranks and approximates the others.
    for (int rank = 0; rank < 2; rank++) {
        double share = pow(rank + 1, -0.99) / zeta;
        EXPECT(fabs(drawn[rank] / (double)DRAWS / share - 1) < 0.02);
    }
    double top = 0, expected_top = 0;
    for (int rank = 0; rank < 100; rank++) top += drawn[rank], expected_top += pow(rank + 1, -0.99) / zeta;
    EXPECT(fabs(top / DRAWS / expected_top - 1) < 0.05);
    EXPECT(drawn[COUNT - 1] > 0 && drawn[0] > drawn[9] && drawn[9] > drawn[99] && drawn[99] > drawn[900]);

    // The popular ranks are scattered over the indices, and every index keeps its own.
    memset(drawn, 0, sizeof drawn);
    for (int draw = 0; draw < 20 * DRAWS; draw++) drawn[choose_key(&zipf)]++;
    uint32_t hot = 0, hot_and_low = 0, missed = 0;
    for (int index = 0; index < COUNT; index++) {
        hot += drawn[index] > DRAWS / 5;
        hot_and_low += drawn[index] > DRAWS / 5 && index < COUNT / 10;
        missed += drawn[index] == 0;
    }
    EXPECT(hot > 3 && hot < 100 && hot_and_low < hot / 2 && missed == 0);

    KeyChooser sequential = key_chooser(DISTRIBUTION_SEQUENTIAL, COUNT, 5, 3, 0);
    EXPECT(choose_key(&sequential) == 5 && choose_key(&sequential) == 8 && choose_key(&sequential) == 11);
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static void test_histogram(void) {
    enum { COUNT = 100000 };
    static Histogram histogram;
    static uint64_t values[COUNT];
    uint64_t random = 9;
    EXPECT(histogram_percentile(&histogram, 0.5) == 0);
    for (int index = 0; index < COUNT; index++) {
        values[index] = random_next(&random) >> random_below(&random, 64);
        histogram_record(&histogram, values[index]);
    }
    qsort(values, COUNT, sizeof *values, compare);
    static const double fractions[] = { 0, 0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 1 };
    for (size_t index = 0; index < sizeof fractions / sizeof *fractions; index++) {
        size_t rank = (size_t)ceil(fractions[index] * COUNT);
        uint64_t exact = values[rank == 0 ? 0 : rank - 1], found = histogram_percentile(&histogram, fractions[index]);
        EXPECT(found >= exact && (double)(found - exact) <= (double)exact / 64);
    }
    EXPECT(histogram.max == values[COUNT - 1] && histogram.total == COUNT);

    static Histogram few;
    for (uint64_t value = 1; value <= 10; value++) histogram_record(&few, value);
    EXPECT(histogram_percentile(&few, 0.5) == 5 && histogram_percentile(&few, 0.51) == 6);
    EXPECT(histogram_percentile(&few, 0.9) == 9 && histogram_percentile(&few, 0.99) == 10);
    EXPECT(histogram_bucket(UINT64_MAX) == HISTOGRAM_BUCKETS - 1);
}

static void test_kv_requests(void) {
    uint8_t frame[2048];
    uint8_t key[KEY_BYTES];
    write_key(3, key);
    RequestContext shared = context();

    // From PROTOCOL.md by hand: length, type REQUEST, method Get, id, timeout; then key and view.
    static const uint8_t golden[] = {
        27, 0, 0, 0, 2, 0, 0, 0, 0x39, 0x30, 0, 0, 0xe8, 3, 0, 0,
        0x0a, 16, 'k', 'e', 'y', '-', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '3',
        0x11, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
    };
    Request get = { .operation = OPERATION_GET, .id = 12345, .key = 3, .value_bytes = 32 };
    size_t count = protocol_kv.encode(&shared, &get, frame);
    EXPECT(count == sizeof golden && memcmp(frame, golden, count) == 0);

    Request set = { .operation = OPERATION_SET, .id = 1, .key = 3, .value_bytes = 300 };
    count = protocol_kv.encode(&shared, &set, frame);
    EXPECT(load32(frame) == count - 16 && frame[4] == 2 && load16(frame + 6) == 1 && load32(frame + 8) == 1);
    Kv__SetRequest *message = kv__set_request__unpack(NULL, count - 16, frame + 16);
    EXPECT(message != NULL && message->key.len == KEY_BYTES && memcmp(message->key.data, key, KEY_BYTES) == 0);
    EXPECT(message->value.len == 300 && is_value(3, pattern, 300, message->value.data));
    EXPECT(message->view == shared.view && message->version_writer == 77 && message->op_clock_ms == shared.now);
    EXPECT(message->version_time == shared.now << 16 && message->expires_at_ms == shared.now + 5000);
    EXPECT(message->ttl_ms == 0 && message->base.n_unknown_fields == 0);
    uint64_t first_version = message->version_time;
    kv__set_request__free_unpacked(message, NULL);

    Request removal = { .operation = OPERATION_DELETE, .id = 2, .key = 3 };
    count = protocol_kv.encode(&shared, &removal, frame);
    Kv__DeleteRequest *deletion = kv__delete_request__unpack(NULL, count - 16, frame + 16);
    EXPECT(load16(frame + 6) == 2 && deletion != NULL && deletion->key.len == KEY_BYTES);
    EXPECT(deletion->version_time == first_version + 1 && deletion->version_writer == 77);
    EXPECT(deletion->view == shared.view && deletion->op_clock_ms == shared.now);
    EXPECT(deletion->base.n_unknown_fields == 0);
    kv__delete_request__free_unpacked(deletion, NULL);

    // The echo's request is ours, and asks for a reply of our reply's size.
    count = protocol_echo.encode(&shared, &get, frame);
    EXPECT(count == sizeof golden && load32(frame + 12) == 36 && memcmp(frame + 16, golden + 16, 27) == 0);
}

/// Every proper prefix of a reply is incomplete; the whole is read whole.
static Reply drip(const Protocol *protocol, const uint8_t *bytes, size_t count) {
    Reply reply = { 0 };
    for (size_t part = 0; part < count; part++) EXPECT(protocol->decode(bytes, part, &reply) == 0);
    EXPECT(protocol->decode(bytes, count, &reply) == (ptrdiff_t)count);
    return reply;
}

static Reply drip_frame(uint8_t type, uint16_t code, size_t payload_bytes, uint8_t *frame) {
    store32(frame, (uint32_t)payload_bytes);
    store32(frame + 4, type | (uint32_t)code << 16);
    store32(frame + 8, 4711);
    store32(frame + 12, 5);
    return drip(&protocol_kv, frame, 16 + payload_bytes);
}

static void test_kv_replies(void) {
    uint8_t frame[2048], value[600];
    for (uint32_t size = 0; size <= 600; size += 150) {
        Kv__GetResponse found = KV__GET_RESPONSE__INIT;
        write_value(9, pattern, size, value);
        found.value = (ProtobufCBinaryData){ .len = size, .data = value };
        found.was_found = 1;
        size_t count = kv__get_response__pack(&found, frame + 16);
        EXPECT(count == kv_reply_payload_bytes(OPERATION_GET, size));
        Reply reply = drip_frame(3, 0, count, frame);
        EXPECT(reply.kind == REPLY_VALUE && reply.id == 4711 && reply.count == size);
        EXPECT(is_value(9, pattern, size, reply.bytes));
    }
    EXPECT(drip_frame(3, 0, 0, frame).kind == REPLY_DONE);

    Kv__SetResponse overtaken = KV__SET_RESPONSE__INIT;
    overtaken.current_version_time = 1, overtaken.current_version_writer = 2;
    EXPECT(drip_frame(3, 0, kv__set_response__pack(&overtaken, frame + 16), frame).kind == REPLY_SUPERSEDED);

    Kv__Error error = KV__ERROR__INIT;
    error.message = "no room", error.server_time_ms = 3;
    Reply reply = drip_frame(3, 0x0808, kv__error__pack(&error, frame + 16), frame);
    EXPECT(reply.kind == REPLY_ERROR && reply.count == 7 && memcmp(reply.bytes, "no room", 7) == 0);
    EXPECT(drip_frame(6, 0, kv__error__pack(&error, frame + 16), frame).kind == REPLY_ERROR);

    Kv__Hello hello = KV__HELLO__INIT;
    hello.node = "n1";
    EXPECT(drip_frame(1, 0, kv__hello__pack(&hello, frame + 16), frame).kind == REPLY_NOTICE);

    // A value that claims to be longer than its payload is no value.
    memcpy(frame + 16, (uint8_t[]){ 0x0a, 100, 1, 0x10, 1 }, 5);
    EXPECT(drip_frame(3, 0, 5, frame).kind == REPLY_ERROR);
}

static void expect_request(const Protocol *protocol, Operation operation, uint64_t ttl, const char *format) {
    uint8_t request[1024];
    char expected[1024], value[9] = { 0 };
    write_value(255, pattern, 8, (uint8_t *)value);
    // The test's value holds no zero byte, so that it can be printed.
    snprintf(expected, sizeof expected, format, value);
    RequestContext shared = context();
    shared.ttl_milliseconds = ttl;
    size_t count = protocol->encode(&shared, &(Request){ .operation = operation, .key = 255, .value_bytes = 8 }, request);
    if (count != strlen(expected) || memcmp(request, expected, count) != 0) {
        fprintf(stderr, "%s: wrote %.*s, expected %s\n", protocol->name, (int)count, request, expected);
        failures++;
    }
}

static Reply drip_text(const Protocol *protocol, const char *text) {
    return drip(protocol, (const uint8_t *)text, strlen(text));
}

static void test_text_protocols(void) {
    const Protocol *resp = &protocol_resp, *memcached = &protocol_memcached;
    expect_request(resp, OPERATION_GET, 0, "*2\r\n$3\r\nGET\r\n$16\r\nkey-0000000000ff\r\n");
    expect_request(resp, OPERATION_DELETE, 0, "*2\r\n$3\r\nDEL\r\n$16\r\nkey-0000000000ff\r\n");
    expect_request(resp, OPERATION_SET, 0, "*3\r\n$3\r\nSET\r\n$16\r\nkey-0000000000ff\r\n$8\r\n%s\r\n");
    expect_request(
        resp, OPERATION_SET, 5000, "*5\r\n$3\r\nSET\r\n$16\r\nkey-0000000000ff\r\n$8\r\n%s\r\n$2\r\nPX\r\n$4\r\n5000\r\n"
    );
    expect_request(memcached, OPERATION_GET, 0, "mg key-0000000000ff v\r\n");
    expect_request(memcached, OPERATION_DELETE, 0, "md key-0000000000ff\r\n");
    expect_request(memcached, OPERATION_SET, 0, "ms key-0000000000ff 8\r\n%s\r\n");
    expect_request(memcached, OPERATION_SET, 4001, "ms key-0000000000ff 8 T5\r\n%s\r\n");

    Reply value = drip_text(resp, "$5\r\na\r\nbc\r\n");
    EXPECT(value.kind == REPLY_VALUE && value.count == 5 && memcmp(value.bytes, "a\r\nbc", 5) == 0);
    EXPECT(drip_text(resp, "$-1\r\n").kind == REPLY_MISSING);
    EXPECT(drip_text(resp, "+OK\r\n").kind == REPLY_DONE);
    EXPECT(drip_text(resp, ":1\r\n").kind == REPLY_DONE);
    EXPECT(drip_text(resp, ":0\r\n").kind == REPLY_MISSING);
    EXPECT(drip_text(resp, "-ERR no\r\n").kind == REPLY_ERROR);
    value = drip_text(memcached, "VA 5\r\na\r\nbc\r\n");
    EXPECT(value.kind == REPLY_VALUE && value.count == 5 && memcmp(value.bytes, "a\r\nbc", 5) == 0);
    EXPECT(drip_text(memcached, "HD\r\n").kind == REPLY_DONE);
    EXPECT(drip_text(memcached, "EN\r\n").kind == REPLY_MISSING);
    EXPECT(drip_text(memcached, "NF\r\n").kind == REPLY_MISSING);
    Reply error = drip_text(memcached, "SERVER_ERROR out of memory\r\n");
    EXPECT(error.kind == REPLY_ERROR && error.count == 26);

    Reply ignored;
    EXPECT(resp->decode((const uint8_t *)"what\r\n", 6, &ignored) == -1);
    EXPECT(resp->decode((const uint8_t *)"$1\r\nabc", 7, &ignored) == -1);
}

static void test_cpu_time(void) {
    uint64_t before = cpu_nanoseconds(getpid());
    uint64_t start = nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID);
    while (nanoseconds_of(CLOCK_PROCESS_CPUTIME_ID) - start < 100000000) {}
    // The kernel brings its figures up to date at least at every tick, 10 ms at the most.
    uint64_t spent = cpu_nanoseconds(getpid()) - before;
    EXPECT(spent > 80000000 && spent < 150000000);
    EXPECT(cpu_nanoseconds(1 << 30) == 0);
}

int main(void) {
    for (size_t place = 0; place < sizeof pattern; place++) pattern[place] = (uint8_t)(place * 7 + 1);
    test_keys();
    test_distributions();
    test_histogram();
    test_kv_requests();
    test_kv_replies();
    test_text_protocols();
    test_cpu_time();
    puts(failures == 0 ? "load generator: all tests passed" : "load generator: FAILED");
    return failures != 0;
}
