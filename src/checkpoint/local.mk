librt_a_SOURCES += src/checkpoint/checkpoint.h
