/* test_event.c - TensorBoard records: checksums and bytes against known vectors, and the fields read back. */
#include "config.h"
#include "report/event.h"
#include "report/event_test.h"
#include "tap.h"

#include <math.h>
#include <string.h>

static void check_bytes(const struct rt_record *record, const char *want, const char *what)
{
    char got[512] = "";
    for (size_t i = 0; i < record->bytes && 2 * i + 2 < sizeof got; i++)
        snprintf(got + 2 * i, 3, "%02x", (unsigned char)record->data[i]);
    ok(strcmp(got, want) == 0, "%s: %s", what, got);
}

int main(void)
{
    /* The vectors: RFC 3720 B.4 (32 zeros), the usual check string, and records written by TensorFlow. */
    static const unsigned char zeros[32];
    ok(rt_crc32c("123456789", 9) == 0xe3069283u, "crc(123456789) is %08x", rt_crc32c("123456789", 9));
    ok(rt_crc32c_mask(0xe3069283u) == 0xc78ab0e5u, "masked %08x", rt_crc32c_mask(0xe3069283u));
    ok(rt_crc32c(zeros, 32) == 0x8a9136aau, "crc(32 zeros) is %08x", rt_crc32c(zeros, 32));
    const uint32_t text = rt_crc32c_mask(rt_crc32c("\x1a\x11"
                                                   "CRC test, one two",
                                                   19));
    ok(text == 0x5794d08au, "masked crc of a text is %08x", text);

    struct rt_record record = { 0 };
    ok(rt_event_version(&record, 1.0, NULL, NULL) == RT_OK, "version");
    check_bytes(&record, "1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a",
                "version");
    free(record.data);
    const struct rt_scalar half = { "loss", 0.5f };
    ok(rt_event_scalars(&record, 2.0, 7, &half, 1, NULL) == RT_OK, "scalar");
    check_bytes(&record, "1a00000000000000129bd82d09000000000000004010072a0d0a0b0a046c6f7373150000003fc33fc24a",
                "scalar");
    free(record.data);

    struct seen seen = { 0 };
    const struct rt_scalar many[] = { { "train/loss", 1.25f }, { "eval/loss", NAN }, { "train/epoch", -3.0f } };
    ok(rt_event_scalars(&record, 1.5e9, (int64_t)1 << 40, many, 3, NULL) == RT_OK &&
           read_events(&seen, record.data, record.bytes) && seen.events == 1 && seen.points == 3 &&
           seen.point[0].step == (int64_t)1 << 40 && seen.point[0].value == 1.25f &&
           isnan(seen.point[1].value) && strcmp(seen.point[1].tag, "eval/loss") == 0 &&
           seen.point[2].value == -3.0f && seen.wall_s == 1.5e9,
       "three scalars of step 2^40 are read back");
    for (size_t i = 0; i < record.bytes; i++) { /* every byte is under one of the two checksums */
        record.data[i] ^= 4;
        if (read_events(&(struct seen){ 0 }, record.data, record.bytes))
            ok(0, "a flipped bit in byte %zu is noticed", i);
        record.data[i] ^= 4;
    }
    ok(1, "a flipped bit in any of %zu bytes is noticed", record.bytes);
    free(record.data);

    seen = (struct seen){ 0 };
    ok(rt_event_start(&record, 3.0, 5, NULL) == RT_OK && read_events(&seen, record.data, record.bytes) &&
           seen.starts == 1 && seen.start_step == 5,
       "SessionLog START at step 5 is read back");
    free(record.data);

    char *long_text = malloc(300001);
    if (long_text == NULL)
        return EXIT_FAILURE;
    memset(long_text, 'x', 300000);
    long_text[300000] = '\0';
    seen = (struct seen){ 0 };
    ok(rt_event_text(&record, 3.0, 0, "args/text_summary", long_text, NULL) == RT_OK &&
           read_events(&seen, record.data, record.bytes) && seen.texts == 1 && seen.text_bytes == 300000 &&
           strcmp(seen.text_tag, "args/text_summary") == 0,
       "a text of 300000 bytes is read back");
    free(record.data);
    free(long_text);
    return tap_done();
}
