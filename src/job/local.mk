librt_a_SOURCES += src/job/job.h src/job/job.c src/job/node.h src/job/node.c src/job/store.c src/job/scalar.c \
    src/job/yaml.c src/job/json.c src/job/override.c src/job/flags.c src/job/keys.h src/job/key_rows.h \
    src/job/keys.c src/job/keys_model.c src/job/keys_data.c src/job/keys_training.c src/job/keys_finetuning.c \
    src/job/keys_generating.c src/job/keys_own.c src/job/value.h src/job/value.c src/job/where.c \
    src/job/schedule.c src/job/resolve.c src/job/check.c src/job/text.c src/job/help.c src/job/output.c
dist_man_MANS += src/ranktune.1
librt_a_SOURCES += src/job/brief.c
