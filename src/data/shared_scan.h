/* shared_scan.h - every row of all sets encoded once by the job: shared over ranks and threads. */
#ifndef RT_DATA_SHARED_SCAN_H
#define RT_DATA_SHARED_SCAN_H

#include "data/data.h"
#include "data/rows.h"
#include "data/store.h"

#include <stdint.h>

/* Rows to scan: those of rows[0], then those of rows[1]; either may be NULL. */
struct rt_shared_scan_options {
    const struct rt_rows *rows[2];
    const struct rt_encoder *encoder;
    const struct rt_notes *notes; /* progress of rank 0's own share */
    int64_t threads;
};
/* Collective. Each rank encodes a block of the rows, all ranks get all of them. Fails alike everywhere: what
 * rt_row_encode ends a run with, RT_ERR_MEMORY, RT_ERR_COMM. */
rt_status rt_shared_scan(struct rt_store *store, const struct rt_shared_scan_options *opt, struct rt_dist *dist,
                         struct rt_error *err);
/* Where raw row i stands: rt_rows_where of its set. */
void rt_shared_scan_where(const struct rt_rows *const rows[2], int64_t raw, char *text, size_t bytes);

#endif
