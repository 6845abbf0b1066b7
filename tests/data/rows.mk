# rows: tests
check_PROGRAMS += tests/data/test_json.t tests/data/test_scan.t tests/data/test_convert.t tests/data/test_rows.t \
    tests/data/test_rows_open.mpi
tests_data_test_convert_t_SOURCES = tests/data/test_convert.c tests/tap.h
tests_data_test_convert_t_LDADD = $(RT_LIBS)
tests_data_test_json_t_SOURCES = tests/data/test_json.c tests/tap.h
tests_data_test_json_t_LDADD = $(RT_LIBS)
tests_data_test_scan_t_SOURCES = tests/data/test_scan.c tests/tap.h
tests_data_test_scan_t_LDADD = $(RT_LIBS)
tests_data_test_rows_t_SOURCES = tests/data/test_rows.c tests/tap.h
tests_data_test_rows_t_LDADD = $(RT_LIBS)
tests_data_test_rows_open_mpi_SOURCES = tests/data/test_rows_open.c tests/tap.h
tests_data_test_rows_open_mpi_LDADD = $(RT_LIBS)
EXTRA_DIST += tests/golden/rows/make_json.py tests/golden/rows/json.jsonl tests/golden/rows/make_rows.py \
    tests/golden/rows/tokenizer.json tests/golden/rows/expect.json tests/golden/rows/data/dataset_info.json \
    tests/golden/rows/data/alpaca.json tests/golden/rows/data/sharegpt.jsonl tests/golden/rows/data/tags.json \
    tests/golden/rows/data/openai.jsonl tests/golden/rows/data/images/a.png tests/golden/rows/data/images/b.png \
    tests/golden/rows/data/images/c.png
