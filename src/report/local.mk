librt_a_SOURCES += src/report/adopt.c
librt_a_SOURCES += src/report/report.h src/report/private.h src/report/report.c src/report/logs.c src/report/progress.c \
    src/report/metrics.c src/report/resume.c src/report/trainer_log.c src/report/trainer_log.h \
    src/report/trainer_state.c src/report/results.c src/report/file.c src/report/file.h src/report/console.c \
    src/report/console.h src/report/event.c src/report/event.h src/report/tensorboard.c src/report/tensorboard.h \
    src/report/plot.c src/report/plot.h src/report/plot_axes.c src/report/plot_view.h src/report/curves.c src/report/host_log.c src/report/host_window.h src/report/host_window.c src/report/prom.c src/report/summary.c
