librt_a_SOURCES += src/model/adapter.c src/model/adapter.h src/model/arch.c src/model/arch.h src/model/block.c \
    src/model/block.h src/model/build.c src/model/build.h src/model/given.c src/model/init.c src/model/init.h \
    src/model/init_config.c src/model/init_weights.c src/model/kept.c src/model/kept.h src/model/layout.c \
    src/model/layout.h src/model/linear.c src/model/linear.h src/model/load.c src/model/load.h \
    src/model/loss.c src/model/memplan.c src/model/memplan.h src/model/memplan_room.c src/model/memplan_text.c \
    src/model/model.h src/model/modules.c src/model/modules.h src/model/open.c src/model/pass.c \
    src/model/place.c src/model/preset.c src/model/preset.h src/model/read_ahead.c src/model/read_ahead.h \
    src/model/rope.c src/model/rope.h src/model/save.c src/model/shares.c src/model/sizes.c src/model/state.h \
    src/model/text.c src/model/upload.c src/model/vision.c src/model/vision_cache.c src/model/vision_put.c \
    src/model/window.c src/model/window.h
