/* fingerprint.c - a digest of rows, by which a run knows the data it was started on. */
#include "config.h"
#include "data/state.h"

#include <xxhash.h>

uint64_t rt_data_fingerprint(const struct rt_data *data, enum rt_split split)
{
    const struct rt_store *store = &data->store;
    const struct rt_data_split *rows = &data->split[split];
    XXH64_hash_t digest = 0; /* each row's is the seed of the next one's */
    for (int64_t i = 0; i < rows->rows; i++) {
        const int64_t row = rows->row[i], at = store->entry_at[row], entries = store->entry_at[row + 1] - at;
        digest = XXH3_64bits_withSeed(store->ids + at, (size_t)entries * sizeof *store->ids, digest);
        digest = XXH3_64bits_withSeed(store->learn + at, (size_t)entries * sizeof *store->learn, digest);
        for (int64_t k = store->picture_at[row]; k < store->picture_at[row + 1]; k++) {
            const struct rt_store_picture *picture = &store->picture[store->picture_of[k]];
            const int32_t size[2] = { picture->width, picture->height };
            digest = XXH3_64bits_withSeed(size, sizeof size, digest);
        }
    }
    return digest;
}
