# tests of train
check_PROGRAMS += tests/train/test_schedule.t
tests_train_test_schedule_t_SOURCES = tests/train/test_schedule.c
tests_train_test_schedule_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/train/test_seats.t
tests_train_test_seats_t_SOURCES = tests/train/test_seats.c
tests_train_test_seats_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/train/test_time_limit.t tests/train/test_lock.t
tests_train_test_time_limit_t_SOURCES = tests/train/test_time_limit.c
tests_train_test_time_limit_t_LDADD = $(RT_LIBS)
tests_train_test_lock_t_SOURCES = tests/train/test_lock.c
tests_train_test_lock_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/train/test_stragglers.t
tests_train_test_stragglers_t_SOURCES = tests/train/test_stragglers.c
tests_train_test_stragglers_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/train/test_numbers.mpi
tests_train_test_numbers_mpi_SOURCES = tests/train/test_numbers.c tests/tap.h
tests_train_test_numbers_mpi_LDADD = $(RT_LIBS)
