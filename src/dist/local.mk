librt_a_SOURCES += src/dist/dist.h src/dist/world.h src/dist/world.c src/dist/share.c src/dist/reduce_mpi.c
