librt_a_SOURCES += src/data/data.h src/data/image.h src/data/rows.h src/data/plan.h
include src/data/image.mk
include src/data/rows.mk
include src/data/tokenizer.mk
include src/data/loader.mk
