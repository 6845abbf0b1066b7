# loader: sources
librt_a_SOURCES += src/data/plan.c
