librt_a_SOURCES += src/checkpoint/foreign.c src/checkpoint/foreign.h src/checkpoint/foreign_optimizer.c \
    src/checkpoint/foreign_others.c src/checkpoint/pickle.c src/checkpoint/pickle.h src/checkpoint/pickle_machine.h \
    src/checkpoint/pickle_names.c src/checkpoint/pickle_stack.c src/checkpoint/pickle_values.c \
    src/checkpoint/torch_file.c src/checkpoint/torch_file.h src/checkpoint/torch_tensor.c
librt_a_SOURCES += src/checkpoint/beside.c src/checkpoint/checkpoint.h src/checkpoint/entries.c \
    src/checkpoint/folder.c src/checkpoint/folder.h \
    src/checkpoint/hdf5.c src/checkpoint/hdf5.h src/checkpoint/hdf5_read.c src/checkpoint/hdf5_write.c \
    src/checkpoint/manifest.c src/checkpoint/peft.h src/checkpoint/peft_config.c src/checkpoint/peft_names.c \
    src/checkpoint/peft_read.c src/checkpoint/peft_write.c src/checkpoint/safetensors.h \
    src/checkpoint/safetensors_header.c src/checkpoint/safetensors_read.c src/checkpoint/safetensors_write.c \
    src/checkpoint/to_f32.c
