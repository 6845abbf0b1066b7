# tokenizer: tests
EXTRA_DIST += tests/data/tokenizer_files.h tests/golden/tokenizer/make_tokenizer.py tests/golden/tokenizer/text.txt \
    tests/golden/tokenizer/plain.json tests/golden/tokenizer/flags.json tests/golden/tokenizer/cases.jsonl \
    tests/golden/tokenizer/codes.txt
check_PROGRAMS += tests/data/test_tokenizer.t tests/data/test_tokenizer_bad.t tests/data/test_normalize.t \
    tests/data/test_pretokenize.t
tests_data_test_tokenizer_t_SOURCES = tests/data/test_tokenizer.c tests/data/tokenizer_files.h tests/tap.h
tests_data_test_tokenizer_t_LDADD = $(RT_LIBS)
tests_data_test_tokenizer_bad_t_SOURCES = tests/data/test_tokenizer_bad.c tests/data/tokenizer_files.h tests/tap.h
tests_data_test_tokenizer_bad_t_LDADD = $(RT_LIBS)
tests_data_test_normalize_t_SOURCES = tests/data/test_normalize.c tests/tap.h
tests_data_test_normalize_t_LDADD = $(RT_LIBS)
tests_data_test_pretokenize_t_SOURCES = tests/data/test_pretokenize.c tests/tap.h
tests_data_test_pretokenize_t_LDADD = $(RT_LIBS)
