# tests of this folder
check_PROGRAMS += tests/base/test_pyjson.t
tests_base_test_pyjson_t_SOURCES = tests/base/test_pyjson.c tests/tap.h
tests_base_test_pyjson_t_LDADD = $(RT_LIBS)
EXTRA_DIST += tests/golden/pyjson.py tests/golden/pyjson.txt
