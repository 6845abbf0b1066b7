librt_a_SOURCES += src/base/cache.c src/base/cache.h
librt_a_SOURCES += src/base/status.c src/base/status.h src/base/bf16.h src/base/arena.c src/base/arena.h \
    src/base/batch.h src/base/clock.c src/base/clock.h src/base/cores.c src/base/cores.h src/base/file.c \
    src/base/file.h src/base/file_read.c src/base/file_id.c \
    src/base/file_id.h src/base/notes.h src/base/pyjson.c src/base/pyjson.h src/base/pyjson_number.c src/base/pyjson_string.c src/base/rng.c src/base/rng.h \
    src/base/room.c src/base/room.h
librt_a_SOURCES += src/base/settings.c src/base/settings.h src/base/signals.h src/base/text.h src/base/thread.h
librt_a_SOURCES += src/base/batch_job.c src/base/batch_job.h src/base/command.c src/base/command.h
librt_a_SOURCES += src/base/process.c src/base/process.h
librt_a_SOURCES += src/base/build.h src/base/build.c
