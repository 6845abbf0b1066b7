# tests/local.mk - mirrors the tree; each folder below lists its own tests.
AM_CPPFLAGS += -I$(top_srcdir)/tests
EXTRA_DIST += tests/tap.h tests/mutate.h tests/mpirun.sh tests/run.sh tests/install.sh tests/gpu.sh tests/multigpu.sh tests/gpu \
    tests/sanitize.sh tests/lsan.supp tests/valgrind.supp
dist_check_SCRIPTS += tests/check_layers.sh
dist_check_SCRIPTS += tests/check_headers.sh
include tests/base/local.mk
include tests/dist/local.mk
include tests/checkpoint/local.mk
include tests/report/local.mk
include tests/fetch/local.mk
include tests/fuzz/local.mk
include tests/monitor/local.mk
include tests/data/local.mk
include tests/kernels/local.mk
include tests/model/local.mk
include tests/job/local.mk
include tests/train/local.mk
include tests/check/local.mk
include tests/jobs/local.mk
include tests/cluster/local.mk
include tests/peers/local.mk
