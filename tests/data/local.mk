# tests of this folder
include tests/data/image.mk
include tests/data/rows.mk
include tests/data/tokenizer.mk
include tests/data/loader.mk
