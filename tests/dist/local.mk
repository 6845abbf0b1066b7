check_PROGRAMS += tests/dist/test_dist.mpi
tests_dist_test_dist_mpi_SOURCES = tests/dist/test_dist.c tests/tap.h
tests_dist_test_dist_mpi_LDADD = $(RT_LIBS)
dist_check_SCRIPTS += tests/dist/test_abort.sh
