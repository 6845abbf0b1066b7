# tokenizer: sources
librt_a_SOURCES += src/data/tokenizer.h src/data/tokenizer.c src/data/tokenizer_load.c \
    src/data/tokenizer_settings.c src/data/tokenizer_json.h src/data/tokenizer_json.c src/data/tokenizer_vocab.c \
    src/data/tokenizer_added.c src/data/normalize.c src/data/pretokenize.c src/data/bpe.c src/data/unicode.h \
    src/data/unicode.c src/data/unicode_tables.c src/data/tokenizer_train.c
EXTRA_DIST += src/data/unicode_ranges.txt src/data/measure_unicode_ranges.py src/data/make_unicode_tables.py
