librt_a_SOURCES += src/monitor/nvml.h src/monitor/nvml.c src/monitor/nvml_library.h src/monitor/nvml_faults.c \
    src/monitor/procfs.h src/monitor/procfs.c src/monitor/host.h src/monitor/host.c src/monitor/host_files.h src/monitor/host_files.c src/monitor/monitor.h \
    src/monitor/monitor.c src/monitor/guard.h src/monitor/guard.c
