librt_a_SOURCES += src/data/data.h
