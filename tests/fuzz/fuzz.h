/*
 * fuzz.h - what the fuzz targets share: one parser a file, any bytes in, no crash and no error without a text.
 *
 * A target is fuzz_NAME.c with LLVMFuzzerTestOneInput. In a usual build it is linked with replay.c, which feeds
 * it tests/fuzz/corpus/NAME; configured with --enable-fuzz it is a libFuzzer program (tests/fuzz.sh).
 */
#ifndef RT_TESTS_FUZZ_H
#define RT_TESTS_FUZZ_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* A folder of this process, made at the first call and there to its end; it lies in TMPDIR. */
const char *fuzz_folder(void);
/* FOLDER/name with these bytes in it; the path is good until the next call. */
const char *fuzz_file(const char *name, const void *data, size_t bytes);
/* The bytes before the first zero as a text, malloc'ed; those behind it as the file FOLDER/name, which is empty
 * where there are none. */
char *fuzz_text_and_file(const char *name, const uint8_t *data, size_t bytes);
/* A file of the source tree, malloc'ed and NUL-terminated. */
char *fuzz_source(const char *name, size_t *bytes);
/* A failure has to say something: ends the process if it does not. Returns whether it went well. */
int fuzz_told(rt_status st, const struct rt_error *err);

#endif
