# image: sources
librt_a_SOURCES += src/data/image.c src/data/image_header.c src/data/image_rules.c src/data/image_size.c \
    src/data/image_size.h src/data/pixels.c src/data/pixels.h src/data/resize.c src/data/resize_lanes.c \
    src/data/resize_lanes.h src/data/resize_wide.c src/data/resize_wide.h src/data/source.c src/data/source.h \
    src/data/decode.h src/data/decode_jpeg.c src/data/decode_png.c src/data/decode_webp.c src/data/decode_gif.c \
    src/data/decode_bmp.c src/data/decode_bmp.h src/data/decode_bmp_header.c src/data/decode_tiff.h \
    src/data/decode_tiff_header.c
if HAVE_TIFF
librt_a_SOURCES += src/data/decode_tiff.c src/data/decode_tiff_mode.c src/data/decode_tiff_mode.h
else
librt_a_SOURCES += src/data/decode_tiff_none.c
endif
