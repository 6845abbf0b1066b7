check_PROGRAMS += tests/dist/test_dist.mpi
tests_dist_test_dist_mpi_SOURCES = tests/dist/test_dist.c tests/tap.h
tests_dist_test_dist_mpi_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/dist/test_verdict.t tests/dist/test_watch.mpi
tests_dist_test_verdict_t_SOURCES = tests/dist/test_verdict.c tests/tap.h
tests_dist_test_verdict_t_LDADD = $(RT_LIBS)
tests_dist_test_watch_mpi_SOURCES = tests/dist/test_watch.c tests/tap.h
tests_dist_test_watch_mpi_LDADD = $(RT_LIBS)
dist_check_SCRIPTS += tests/dist/test_abort.sh tests/dist/test_nccl_fail.sh tests/dist/test_watch_hang.sh
EXTRA_DIST += tests/dist/fake_nccl.c
FAKE_NCCL = tests/dist/fake/libnccl.so.2
if HAVE_NCCL
check_PROGRAMS += tests/dist/test_nccl.mpi tests/dist/test_gpu_sums.mpi
check_DATA += $(FAKE_NCCL)
endif
tests_dist_test_nccl_mpi_SOURCES = tests/dist/test_nccl.c tests/dist/fake_nccl.h tests/tap.h
tests_dist_test_nccl_mpi_LDADD = $(RT_LIBS)
tests_dist_test_gpu_sums_mpi_SOURCES = tests/dist/test_gpu_sums.c tests/tap.h
tests_dist_test_gpu_sums_mpi_LDADD = $(RT_LIBS)
CLEANFILES += $(FAKE_NCCL)
$(FAKE_NCCL): tests/dist/fake_nccl.c tests/dist/fake_nccl.h
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(WARN_CFLAGS) -D_GNU_SOURCE $(NCCL_CPPFLAGS) $(CUDA_CPPFLAGS) $(CFLAGS) -fPIC -shared \
	    -o $@ $(srcdir)/tests/dist/fake_nccl.c -lpthread -lrt
