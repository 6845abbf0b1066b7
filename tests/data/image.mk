# image: tests
check_PROGRAMS += tests/data/test_resize.t tests/data/test_image_load.t tests/data/test_image_rules.t \
    tests/data/test_image_header.t
tests_data_test_resize_t_SOURCES = tests/data/test_resize.c tests/tap.h
tests_data_test_resize_t_LDADD = $(RT_LIBS)
tests_data_test_image_load_t_SOURCES = tests/data/test_image_load.c tests/tap.h
tests_data_test_image_load_t_LDADD = $(RT_LIBS)
tests_data_test_image_rules_t_SOURCES = tests/data/test_image_rules.c tests/tap.h
tests_data_test_image_rules_t_LDADD = $(RT_LIBS)
tests_data_test_image_header_t_SOURCES = tests/data/test_image_header.c tests/tap.h
tests_data_test_image_header_t_LDADD = $(RT_LIBS)
EXTRA_DIST += tests/golden/image
