check_PROGRAMS += tests/check/test_links.t
tests_check_test_links_t_SOURCES = tests/check/test_links.c tests/tap.h
tests_check_test_links_t_LDADD = $(RT_LIBS)
if HAVE_NCCL
check_PROGRAMS += tests/check/test_sums.mpi
endif
tests_check_test_sums_mpi_SOURCES = tests/check/test_sums.c tests/dist/fake_nccl.h tests/tap.h
tests_check_test_sums_mpi_LDADD = $(RT_LIBS)
