# tests of base
check_PROGRAMS += tests/base/test_pyjson.t
tests_base_test_pyjson_t_SOURCES = tests/base/test_pyjson.c tests/tap.h
tests_base_test_pyjson_t_LDADD = $(RT_LIBS)
EXTRA_DIST += tests/golden/pyjson.py tests/golden/pyjson.txt
EXTRA_DIST += tests/golden/rng/make_vectors.py tests/golden/rng/vectors.txt
check_PROGRAMS += tests/base/test_rng.t tests/base/test_status.t tests/base/test_bf16.t tests/base/test_arena.t
tests_base_test_rng_t_SOURCES = tests/base/test_rng.c tests/tap.h
tests_base_test_rng_t_LDADD = $(RT_LIBS)
tests_base_test_status_t_SOURCES = tests/base/test_status.c tests/tap.h
tests_base_test_status_t_LDADD = $(RT_LIBS)
tests_base_test_bf16_t_SOURCES = tests/base/test_bf16.c tests/tap.h
tests_base_test_bf16_t_LDADD = $(RT_LIBS)
tests_base_test_arena_t_SOURCES = tests/base/test_arena.c tests/tap.h
tests_base_test_arena_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/base/test_room.t
tests_base_test_room_t_SOURCES = tests/base/test_room.c tests/tap.h
tests_base_test_room_t_LDADD = $(RT_LIBS)
