/* event.c - TensorBoard's records, encoded: protobuf messages inside TFRecord frames. */
#include "config.h"
#include "report/event.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

uint32_t rt_crc32c(const void *data, size_t bytes)
{
    /* table[n]: the remainder that a low nibble n leaves, polynomial 0x82f63b78 (reflected) */
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const unsigned char *c = data;
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= c[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

uint32_t rt_crc32c_mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

enum wire { VARINT = 0, FIXED64 = 1, BYTES = 2, FIXED32 = 5 };

/* Bytes that grow; once memory ends it stays failed, so that only the end has to look. */
struct message {
    char *data;
    size_t bytes, room;
    bool failed;
};

static void put(struct message *m, const void *data, size_t bytes)
{
    if (m->failed || bytes > SIZE_MAX / 4 - m->bytes) {
        m->failed = true;
        return;
    }
    if (m->bytes + bytes > m->room) {
        const size_t room = 2 * (m->bytes + bytes) + 64;
        char *grown = realloc(m->data, room);
        if (grown == NULL) {
            m->failed = true;
            return;
        }
        m->data = grown;
        m->room = room;
    }
    if (bytes > 0)
        memcpy(m->data + m->bytes, data, bytes);
    m->bytes += bytes;
}

static void put_little(struct message *m, uint64_t x, size_t bytes)
{
    unsigned char c[8];
    for (size_t i = 0; i < bytes; i++)
        c[i] = (unsigned char)(x >> 8 * i & 0xff);
    put(m, c, bytes);
}

static void put_varint(struct message *m, uint64_t x)
{
    for (; x >= 0x80; x >>= 7)
        put_little(m, (x & 0x7f) | 0x80, 1);
    put_little(m, x, 1);
}

static void put_key(struct message *m, unsigned field, enum wire wire)
{
    put_varint(m, field << 3 | (unsigned)wire);
}

static void put_int(struct message *m, unsigned field, int64_t x)
{
    put_key(m, field, VARINT);
    put_varint(m, (uint64_t)x);
}

static void put_bytes(struct message *m, unsigned field, const void *data, size_t bytes)
{
    put_key(m, field, BYTES);
    put_varint(m, bytes);
    put(m, data, bytes);
}

static void put_text(struct message *m, unsigned field, const char *text)
{
    put_bytes(m, field, text, strlen(text));
}

/* A message inside a message; frees the inner one. */
static void put_message(struct message *m, unsigned field, struct message *inner)
{
    m->failed |= inner->failed;
    put_bytes(m, field, inner->data, inner->bytes);
    free(inner->data);
}

static struct message event(double wall_s, int64_t step)
{
    struct message m = { 0 };
    uint64_t bits;
    memcpy(&bits, &wall_s, sizeof bits);
    put_key(&m, 1, FIXED64);
    put_little(&m, bits, 8);
    if (step != 0)
        put_int(&m, 2, step);
    return m;
}

/* The event in its frame; frees the event. */
static rt_status frame(struct rt_record *record, struct message *m, struct rt_error *err)
{
    struct message out = { 0 };
    put_little(&out, m->bytes, 8);
    if (!out.failed)
        put_little(&out, rt_crc32c_mask(rt_crc32c(out.data, 8)), 4);
    put(&out, m->data, m->bytes);
    put_little(&out, rt_crc32c_mask(rt_crc32c(m->data, m->bytes)), 4);
    const bool failed = m->failed || out.failed;
    free(m->data);
    if (failed) {
        free(out.data);
        return rt_fail(err, RT_ERR_MEMORY, "no memory for a TensorBoard record");
    }
    *record = (struct rt_record){ out.data, out.bytes };
    return RT_OK;
}

rt_status rt_event_version(struct rt_record *record, double wall_s, const char *writer, struct rt_error *err)
{
    struct message m = event(wall_s, 0), source = { 0 };
    put_text(&m, 3, "brain.Event:2");
    if (writer != NULL) {
        put_text(&source, 1, writer);
        put_message(&m, 10, &source);
    }
    return frame(record, &m, err);
}

rt_status rt_event_start(struct rt_record *record, double wall_s, int64_t step, struct rt_error *err)
{
    struct message m = event(wall_s, step), session = { 0 };
    put_int(&session, 1, 1); /* START */
    put_message(&m, 7, &session);
    return frame(record, &m, err);
}

rt_status rt_event_scalars(struct rt_record *record, double wall_s, int64_t step,
                           const struct rt_scalar *scalars, int64_t count, struct rt_error *err)
{
    struct message m = event(wall_s, step), summary = { 0 };
    for (int64_t i = 0; i < count; i++) {
        struct message value = { 0 };
        uint32_t bits;
        memcpy(&bits, &scalars[i].value, sizeof bits);
        put_text(&value, 1, scalars[i].tag);
        put_key(&value, 2, FIXED32); /* simple_value */
        put_little(&value, bits, 4);
        put_message(&summary, 1, &value);
    }
    put_message(&m, 5, &summary);
    return frame(record, &m, err);
}

rt_status rt_event_text(struct rt_record *record, double wall_s, int64_t step, const char *tag,
                        const char *text, struct rt_error *err)
{
    struct message m = event(wall_s, step), summary = { 0 }, value = { 0 };
    struct message dim = { 0 }, shape = { 0 }, tensor = { 0 }, plugin = { 0 }, metadata = { 0 };
    put_int(&dim, 1, 1); /* one string */
    put_message(&shape, 2, &dim);
    put_int(&tensor, 1, 7); /* DT_STRING */
    put_message(&tensor, 2, &shape);
    put_text(&tensor, 8, text); /* string_val */
    put_text(&plugin, 1, "text");
    put_message(&metadata, 1, &plugin);
    put_text(&value, 1, tag);
    put_message(&value, 8, &tensor);
    put_message(&value, 9, &metadata);
    put_message(&summary, 1, &value);
    put_message(&m, 5, &summary);
    return frame(record, &m, err);
}
