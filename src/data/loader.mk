# loader: sources
librt_a_SOURCES += src/data/assemble.c src/data/assemble.h src/data/bad_rows.c src/data/bytes.c \
    src/data/bytes.h src/data/data.c src/data/draws.c src/data/draws.h src/data/feed.c src/data/feed.h \
    src/data/fingerprint.c src/data/late_rows.c src/data/limits.c src/data/loader.c src/data/loader.h \
    src/data/model_files.c src/data/picture_cache.c src/data/picture_cache.h src/data/plan.c \
    src/data/positions.c src/data/positions.h src/data/preview.c src/data/preview.h src/data/preview_json.c \
    src/data/preview_text.c src/data/review.c src/data/shared_scan.c src/data/shared_scan.h src/data/state.h \
    src/data/store.c src/data/store.h src/data/threads.c src/data/threads.h
