librt_a_SOURCES += src/dist/dist.h
