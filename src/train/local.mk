librt_a_SOURCES += src/train/vision_cache.c src/train/vision_cache_news.c
librt_a_SOURCES += src/train/resume_foreign.c
librt_a_SOURCES += src/train/best.c src/train/card.c src/train/counts.c src/train/device.c src/train/evaluate.c src/train/finish.c \
    src/train/identity.c src/train/resume.c src/train/run.h src/train/schedule.c src/train/schedule.h src/train/seats.c \
    src/train/seats.h src/train/setup.c src/train/tokens.c src/train/train.c src/train/step.c src/train/train.h
librt_a_SOURCES += src/train/lock.c src/train/lock.h src/train/lock_holder.c src/train/save.c src/train/snapshot.c \
    src/train/snapshot.h src/train/writer.c src/train/writer.h src/train/stop.c \
    src/train/stop.h src/train/time_limit.c src/train/time_limit.h
librt_a_SOURCES += src/train/monitoring.h src/train/monitoring.c src/train/monitoring_values.c src/train/monitoring_windows.c \
    src/train/summary.c src/train/command.h src/train/command.c src/train/stragglers.h src/train/stragglers.c \
    src/train/banner.c src/train/settings.c
librt_a_SOURCES += src/train/numbers.c src/train/watch.c src/train/hardware.c src/train/said.c
