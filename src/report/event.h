/*
 * event.h - private to report: TensorBoard's records, encoded. Format: spec of TFRecord and event.proto.
 *
 * Each function makes one whole record (length, its checksum, the message, its checksum), malloc'ed, so that it
 * can go to the file in one write. Fails: RT_ERR_MEMORY.
 */
#ifndef RT_REPORT_EVENT_H
#define RT_REPORT_EVENT_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

struct rt_scalar {
    const char *tag;
    float value;
};
struct rt_record {
    char *data;
    size_t bytes;
};

/* CRC-32C (Castagnoli), and the masking that TFRecord stores. */
uint32_t rt_crc32c(const void *data, size_t bytes);
uint32_t rt_crc32c_mask(uint32_t crc);

/* The first record of a file; writer may be NULL. */
rt_status rt_event_version(struct rt_record *record, double wall_s, const char *writer, struct rt_error *err);
/* SessionLog START: the points at `step` and after it in older files no longer hold. */
rt_status rt_event_start(struct rt_record *record, double wall_s, int64_t step, struct rt_error *err);
rt_status rt_event_scalars(struct rt_record *record, double wall_s, int64_t step,
                           const struct rt_scalar *scalars, int64_t count, struct rt_error *err);
rt_status rt_event_text(struct rt_record *record, double wall_s, int64_t step, const char *tag,
                        const char *text, struct rt_error *err);

#endif
