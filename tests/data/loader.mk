# loader: tests
EXTRA_DIST += tests/golden/plan/make.py tests/golden/plan/orders.txt
check_PROGRAMS += tests/data/test_plan.t
tests_data_test_plan_t_SOURCES = tests/data/test_plan.c tests/tap.h
tests_data_test_plan_t_LDADD = $(RT_LIBS)
