/* event_test.h - a reader of event files written from the format's description, apart from the writer. */
#ifndef RT_TESTS_EVENT_TEST_H
#define RT_TESTS_EVENT_TEST_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct seen {
    int events, points, texts, starts, versions;
    int64_t start_step;
    double wall_s;
    struct {
        char tag[64];
        int64_t step;
        float value;
    } point[2048];
    char text_tag[64];
    size_t text_bytes;
};

/* CRC-32C bit by bit. */
static uint32_t slow_crc(const unsigned char *data, size_t bytes)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < bytes; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    return ~crc;
}

static uint64_t little(const unsigned char *c, int bytes)
{
    uint64_t x = 0;
    for (int i = 0; i < bytes; i++)
        x |= (uint64_t)c[i] << 8 * i;
    return x;
}

/* One protobuf field: number, wire type, and its number or its bytes. */
struct field {
    unsigned number, wire;
    uint64_t value;
    const unsigned char *data;
    size_t bytes;
};

static bool varint(const unsigned char **at, const unsigned char *end, uint64_t *x)
{
    *x = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        const unsigned char c = *(*at)++;
        *x |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return true;
    }
    return false;
}

static bool next_field(const unsigned char **at, const unsigned char *end, struct field *f)
{
    uint64_t key;
    if (!varint(at, end, &key))
        return false;
    f->number = (unsigned)(key >> 3);
    f->wire = (unsigned)(key & 7);
    f->data = *at;
    if (f->wire == 0)
        return varint(at, end, &f->value);
    if (f->wire == 2) {
        if (!varint(at, end, &f->value) || f->value > (uint64_t)(end - *at))
            return false;
        f->data = *at;
        f->bytes = (size_t)f->value;
        *at += f->bytes;
        return true;
    }
    f->bytes = f->wire == 1 ? 8 : 4;
    if ((f->wire != 1 && f->wire != 5) || (size_t)(end - *at) < f->bytes)
        return false;
    f->value = little(*at, (int)f->bytes);
    *at += f->bytes;
    return true;
}

static bool read_value(struct seen *seen, const struct field *value, int64_t step)
{
    const unsigned char *at = value->data, *end = at + value->bytes;
    struct field f, inner;
    char tag[64] = "";
    bool have_number = false, have_text = false;
    float number = 0;
    while (at < end) {
        if (!next_field(&at, end, &f))
            return false;
        if (f.number == 1 && f.bytes < sizeof tag) {
            memcpy(tag, f.data, f.bytes);
            tag[f.bytes] = '\0';
        } else if (f.number == 2) {
            const uint32_t bits = (uint32_t)f.value;
            memcpy(&number, &bits, sizeof number);
            have_number = true;
        } else if (f.number == 8) {
            const unsigned char *in = f.data;
            while (in < f.data + f.bytes) {
                if (!next_field(&in, f.data + f.bytes, &inner))
                    return false;
                if (inner.number == 1 && inner.value != 7)
                    return false;
                if (inner.number == 8) {
                    seen->text_bytes = inner.bytes;
                    have_text = true;
                }
            }
        }
    }
    if (have_number && seen->points < 2048) {
        memcpy(seen->point[seen->points].tag, tag, sizeof tag);
        seen->point[seen->points].step = step;
        seen->point[seen->points++].value = number;
    }
    if (have_text) {
        memcpy(seen->text_tag, tag, sizeof tag);
        seen->texts++;
    }
    return have_number || have_text;
}

static bool read_event(struct seen *seen, const unsigned char *at, size_t bytes)
{
    const unsigned char *end = at + bytes;
    struct field f, inner;
    int64_t step = 0;
    seen->events++;
    while (at < end) {
        if (!next_field(&at, end, &f))
            return false;
        if (f.number == 1)
            memcpy(&seen->wall_s, &f.value, sizeof f.value);
        else if (f.number == 2)
            step = (int64_t)f.value;
        else if (f.number == 3)
            seen->versions += f.bytes == 13 && memcmp(f.data, "brain.Event:2", 13) == 0;
        for (const unsigned char *in = f.data; f.number == 5 && in < f.data + f.bytes;)
            if (!next_field(&in, f.data + f.bytes, &inner) || inner.number != 1 ||
                !read_value(seen, &inner, step))
                return false;
        for (const unsigned char *in = f.data; f.number == 7 && in < f.data + f.bytes;) {
            if (!next_field(&in, f.data + f.bytes, &inner))
                return false;
            if (inner.number == 1 && inner.value == 1) {
                seen->starts++;
                seen->start_step = step;
            }
        }
    }
    return true;
}

/* Adds what the records hold; false if one is broken. */
__attribute__((unused)) static bool read_events(struct seen *seen, const char *data, size_t bytes)
{
    const unsigned char *at = (const unsigned char *)data, *end = at + bytes;
    while (at < end) {
        if (end - at < 16)
            return false;
        const uint64_t length = little(at, 8);
        if (length > (uint64_t)(end - at - 16))
            return false;
        const uint32_t c = slow_crc(at, 8), d = slow_crc(at + 12, (size_t)length);
        if (little(at + 8, 4) != (uint32_t)((c >> 15 | c << 17) + 0xa282ead8u) ||
            little(at + 12 + length, 4) != (uint32_t)((d >> 15 | d << 17) + 0xa282ead8u) ||
            !read_event(seen, at + 12, (size_t)length))
            return false;
        at += 16 + length;
    }
    return true;
}

#endif
