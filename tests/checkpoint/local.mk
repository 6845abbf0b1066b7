# tests of this folder
EXTRA_DIST += tests/golden/checkpoint/make.py tests/golden/checkpoint/stock.safetensors \
    tests/golden/checkpoint/targets.txt tests/golden/checkpoint/config.plain.json \
    tests/golden/checkpoint/config.odd.json tests/golden/checkpoint/config.small.json
check_PROGRAMS += tests/checkpoint/test_safetensors.t
tests_checkpoint_test_safetensors_t_SOURCES = tests/checkpoint/test_safetensors.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_safetensors_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_peft.t
tests_checkpoint_test_peft_t_SOURCES = tests/checkpoint/test_peft.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_peft_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/checkpoint/test_state.t
tests_checkpoint_test_state_t_SOURCES = tests/checkpoint/test_state.c tests/checkpoint/common.h tests/tap.h
tests_checkpoint_test_state_t_LDADD = $(RT_LIBS)
