# tests of this folder
EXTRA_DIST += tests/golden/job_scalars.json tests/golden/job_scalars.py tests/golden/job_keys.json \
    tests/golden/job_keys.py
check_PROGRAMS += tests/job/test_scalars.t tests/job/test_keys.t tests/job/test_job.t tests/job/test_flags.t \
    tests/job/test_errors.t tests/job/test_text.t tests/job/test_output.t tests/job/test_fuzz.t \
    tests/job/test_man.t
tests_job_test_scalars_t_SOURCES = tests/job/test_scalars.c tests/job/job_test.h tests/tap.h
tests_job_test_scalars_t_LDADD = $(RT_LIBS)
tests_job_test_keys_t_SOURCES = tests/job/test_keys.c tests/job/job_test.h tests/tap.h
tests_job_test_keys_t_LDADD = $(RT_LIBS)
tests_job_test_job_t_SOURCES = tests/job/test_job.c tests/job/job_test.h tests/tap.h
tests_job_test_job_t_LDADD = $(RT_LIBS)
tests_job_test_flags_t_SOURCES = tests/job/test_flags.c tests/job/job_test.h tests/tap.h
tests_job_test_flags_t_LDADD = $(RT_LIBS)
tests_job_test_errors_t_SOURCES = tests/job/test_errors.c tests/job/job_test.h tests/tap.h
tests_job_test_errors_t_LDADD = $(RT_LIBS)
tests_job_test_text_t_SOURCES = tests/job/test_text.c tests/job/job_test.h tests/tap.h
tests_job_test_text_t_LDADD = $(RT_LIBS)
tests_job_test_output_t_SOURCES = tests/job/test_output.c tests/job/job_test.h tests/tap.h
tests_job_test_output_t_LDADD = $(RT_LIBS)
tests_job_test_fuzz_t_SOURCES = tests/job/test_fuzz.c tests/job/job_test.h tests/tap.h
tests_job_test_fuzz_t_LDADD = $(RT_LIBS)
tests_job_test_man_t_SOURCES = tests/job/test_man.c tests/job/job_test.h tests/tap.h
tests_job_test_man_t_LDADD = $(RT_LIBS)
