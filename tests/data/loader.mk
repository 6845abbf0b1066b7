# loader: tests
EXTRA_DIST += tests/golden/plan/make.py tests/golden/plan/orders.txt tests/golden/positions/make.py \
    tests/golden/positions/positions.txt
check_PROGRAMS += tests/data/test_assemble.t tests/data/test_bytes.t tests/data/test_plan.t tests/data/test_positions.t
tests_data_test_assemble_t_SOURCES = tests/data/test_assemble.c tests/tap.h
tests_data_test_assemble_t_LDADD = $(RT_LIBS)
tests_data_test_bytes_t_SOURCES = tests/data/test_bytes.c tests/tap.h
tests_data_test_bytes_t_LDADD = $(RT_LIBS)
tests_data_test_plan_t_SOURCES = tests/data/test_plan.c tests/tap.h
tests_data_test_plan_t_LDADD = $(RT_LIBS)
tests_data_test_positions_t_SOURCES = tests/data/test_positions.c tests/tap.h
tests_data_test_positions_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/data/test_loader.t tests/data/test_open.t tests/data/test_pictures.t
MADE = tests/data/made.c tests/data/made.h tests/tap.h
tests_data_test_loader_t_SOURCES = tests/data/test_loader.c tests/data/loader_test.h $(MADE)
tests_data_test_loader_t_LDADD = $(RT_LIBS)
tests_data_test_open_t_SOURCES = tests/data/test_open.c tests/data/loader_test.h $(MADE)
tests_data_test_open_t_LDADD = $(RT_LIBS)
tests_data_test_pictures_t_SOURCES = tests/data/test_pictures.c tests/data/loader_test.h $(MADE)
tests_data_test_pictures_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/data/test_data.mpi
tests_data_test_data_mpi_SOURCES = tests/data/test_data.c $(MADE)
tests_data_test_data_mpi_LDADD = $(RT_LIBS)
