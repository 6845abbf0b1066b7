# what other projects' packages make of our files: tests/peers.sh, after make check
noinst_PROGRAMS = tests/peers/dump_logits
tests_peers_dump_logits_SOURCES = tests/peers/dump_logits.c
tests_peers_dump_logits_LDADD = $(RT_LIBS)
EXTRA_DIST += tests/peers.sh tests/peers/tap.py tests/peers/make_rows.py tests/peers/check_model.py \
    tests/peers/check_tokenizer.py tests/peers/check_state.py tests/peers/check_walk.py tests/peers/check_full.py \
    tests/bench/checkpoint_cost.sh tests/bench/compare_llamafactory.sh tests/bench/monitor_cost.sh tests/bench/compare_runs.py tests/bench/compare_gpu.py tests/bench/kernel_times.c \
    tests/bench/RESULTS.md
