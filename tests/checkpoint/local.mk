# tests of this folder
EXTRA_DIST += tests/peers/check_checkpoint.py tests/golden/checkpoint/make.py tests/golden/checkpoint/stock.safetensors \
    tests/golden/checkpoint/targets.txt tests/golden/checkpoint/config.plain.json \
    tests/golden/checkpoint/config.odd.json tests/golden/checkpoint/config.small.json
check_PROGRAMS += tests/checkpoint/test_safetensors.t
tests_checkpoint_test_safetensors_t_SOURCES = tests/checkpoint/test_safetensors.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_safetensors_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_safetensors_bad.t
tests_checkpoint_test_safetensors_bad_t_SOURCES = tests/checkpoint/test_safetensors_bad.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_safetensors_bad_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_peft.t
tests_checkpoint_test_peft_t_SOURCES = tests/checkpoint/test_peft.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_peft_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_peft_read.t
tests_checkpoint_test_peft_read_t_SOURCES = tests/checkpoint/test_peft_read.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_peft_read_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_state.t
tests_checkpoint_test_state_t_SOURCES = tests/checkpoint/test_state.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_state_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_folder.t
tests_checkpoint_test_folder_t_SOURCES = tests/checkpoint/test_folder.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_folder_t_LDADD = $(RT_LIBS)
# The linker hands every call named here to the test's own version, which can make it fail.
check_PROGRAMS += tests/checkpoint/test_faults.t
tests_checkpoint_test_faults_t_SOURCES = tests/checkpoint/test_faults.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_faults_t_LDADD = $(RT_LIBS)
tests_checkpoint_test_faults_t_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=open,--wrap=close,--wrap=write,--wrap=pread \
    -Wl,--wrap=fsync,--wrap=rename,--wrap=unlink,--wrap=rmdir,--wrap=mkdir,--wrap=opendir,--wrap=statvfs \
    -Wl,--wrap=fstat,--wrap=lstat
check_PROGRAMS += tests/checkpoint/test_beside.t
tests_checkpoint_test_beside_t_SOURCES = tests/checkpoint/test_beside.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_beside_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_foreign.t
tests_checkpoint_test_foreign_t_SOURCES = tests/checkpoint/test_foreign.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_foreign_t_LDADD = $(RT_LIBS)
