librt_a_SOURCES += src/check/check.c src/check/check.h src/check/copies.c src/check/devices.c src/check/disk.c src/check/findings.c \
    src/check/findings.h src/check/hosts.c src/check/links.h src/check/model.c src/check/network.c src/check/output.c src/check/pairs.c src/check/paths.c src/check/print.c \
    src/check/print.h src/check/rows.c src/check/settings.c src/check/speed.c src/check/state.h src/check/sums.c src/check/text.c
