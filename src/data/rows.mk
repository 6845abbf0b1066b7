# rows: sources
librt_a_SOURCES += src/data/convert.c src/data/convert_alpaca.c src/data/convert_openai.c src/data/convert_sharegpt.c \
    src/data/cut.c src/data/cut.h src/data/dataset_info.c src/data/dataset_info.h src/data/encode.c src/data/files.c \
    src/data/files.h src/data/json.c src/data/json.h src/data/json_dump.c src/data/json_reader.h src/data/json_string.c src/data/pictures.c src/data/pool.c \
    src/data/pool.h src/data/row.h src/data/row_text.c src/data/rows.c src/data/scan.c src/data/scan.h \
    src/data/template.c src/data/template.h src/data/tools.c
