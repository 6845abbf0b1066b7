librt_a_SOURCES += src/monitor/nvml.h src/monitor/nvml.c src/monitor/nvml_library.h src/monitor/nvml_faults.c
