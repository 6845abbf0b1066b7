/* positions.c - multimodal rotary position ids. */
#include "config.h"
#include "data/positions.h"

void rt_positions_text(int32_t *t, int32_t *h, int32_t *w, int64_t count, int32_t *next)
{
    for (int64_t i = 0; i < count; i++)
        t[i] = h[i] = w[i] = (*next)++;
}

void rt_positions_picture(int32_t *t, int32_t *h, int32_t *w, int32_t slots, int32_t rows, int32_t columns,
                          int32_t *next)
{
    int64_t i = 0;
    for (int32_t slot = 0; slot < slots; slot++)
        for (int32_t row = 0; row < rows; row++)
            for (int32_t column = 0; column < columns; column++, i++) {
                t[i] = *next + slot;
                h[i] = *next + row;
                w[i] = *next + column;
            }
    *next += rows > columns ? rows : columns;
}
