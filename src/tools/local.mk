librt_a_SOURCES += src/tools/check.c src/tools/download.c src/tools/hub_env.c src/tools/hub_env.h src/tools/info.c src/tools/init.c src/tools/open_job.c src/tools/open_job.h src/tools/preview.c \
    src/tools/tokenize.c src/tools/tools.h src/tools/train.c
bin_PROGRAMS += ranktune
ranktune_SOURCES = src/main.c
ranktune_LDADD = $(RT_LIBS)
