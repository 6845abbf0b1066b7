librt_a_SOURCES += src/dist/hydra.c src/dist/gather.c src/dist/phase_clock.c src/dist/settings.c
librt_a_SOURCES += src/dist/dist.h src/dist/world.h src/dist/world.c src/dist/wait.c src/dist/share.c src/dist/word.c src/dist/board.h \
    src/dist/board.c src/dist/device.c src/dist/measure.c src/dist/reduce_mpi.c src/dist/reduce_nccl.h
librt_a_SOURCES += src/dist/verdict.h src/dist/verdict.c src/dist/heartbeat.h src/dist/heartbeat.c src/dist/watch.h src/dist/watch.c \
    src/dist/watch_files.c src/dist/watch_lost.c src/dist/watch_begin.c
NCCL_UNITS = src/dist/nccl_library.h src/dist/nccl_library.c src/dist/reduce_nccl.c
if HAVE_NCCL
noinst_LIBRARIES += libnccl_calls.a
NCCL_CALLS = libnccl_calls.a
libnccl_calls_a_SOURCES = $(NCCL_UNITS)
libnccl_calls_a_CPPFLAGS = $(AM_CPPFLAGS) $(NCCL_CPPFLAGS) $(CUDA_CPPFLAGS)
libnccl_calls_a_CFLAGS = $(AM_CFLAGS)
else
NCCL_CALLS =
EXTRA_DIST += $(NCCL_UNITS)
librt_a_SOURCES += src/dist/no_nccl.c
endif
