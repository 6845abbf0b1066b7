/*
 * made.h - a model folder and data sets drawn by a test: a byte-level tokenizer, bitmaps, rows of both kinds.
 *
 * Row i of set "train" has a picture if i % 3 is 0 and two if i % 3 is 1; rows with i % 10 == 7 name a picture
 * that is not there. Its question starts with "row i.". Set "eval" has 7 rows of text; set "broken" has only
 * bad rows.
 */
#ifndef RT_TESTS_DATA_MADE_H
#define RT_TESTS_DATA_MADE_H

#include "data/data.h"

enum { MADE_PICTURES = 6, MADE_EVAL = 7 };

struct made {
    char folder[256]; /* removed by made_close */
    char model[300], data[300], out[300];
    struct rt_data_options opt; /* trains on "train": batch 2, accumulation 3, 2 workers */
};
/* Fails by ending the test. rows: of "train". */
void made_open(struct made *made, int rows);
/* The same options for a folder that another rank has made. */
void made_options(struct made *made, const char *folder);
void made_close(struct made *made);
/* FOLDER/data/pN.bmp */
void made_picture_path(const struct made *made, int number, char *path, size_t bytes);
void made_draw(const struct made *made, int number);
/* Does row i of "train" lack nothing? Its pictures. */
bool made_good(int i);
int made_pictures_of(int i);
int made_picture_of(int i, int k); /* number of the k-th */

#endif
