check_PROGRAMS += tests/monitor/test_nvml.t
tests_monitor_test_nvml_t_SOURCES = tests/monitor/test_nvml.c tests/monitor/fake_nvml.h tests/tap.h
tests_monitor_test_nvml_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/monitor/test_procfs.t tests/monitor/test_monitor.t
tests_monitor_test_procfs_t_SOURCES = tests/monitor/test_procfs.c tests/tap.h
tests_monitor_test_procfs_t_LDADD = $(RT_LIBS)
tests_monitor_test_monitor_t_SOURCES = tests/monitor/test_monitor.c tests/monitor/fake_nvml.h tests/report/event_test.h tests/report/event_folder.h tests/tap.h
tests_monitor_test_monitor_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/monitor/test_windows.t
tests_monitor_test_windows_t_SOURCES = tests/monitor/test_windows.c tests/report/event_test.h tests/report/event_folder.h tests/tap.h
tests_monitor_test_windows_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/monitor/test_names.t
tests_monitor_test_names_t_SOURCES = tests/monitor/test_names.c tests/job/job_test.h tests/tap.h
tests_monitor_test_names_t_LDADD = $(RT_LIBS)
check_PROGRAMS += tests/monitor/test_guard.t
tests_monitor_test_guard_t_SOURCES = tests/monitor/test_guard.c tests/monitor/fake_nvml.h tests/tap.h
tests_monitor_test_guard_t_LDADD = $(RT_LIBS)
EXTRA_DIST += tests/monitor/fake_nvml.c
# A stand-in for NVIDIA's management library, and one that lacks most of its functions.
FAKE_NVML = tests/monitor/fake/libnvidia-ml.so.1
FEW_NVML = tests/monitor/few/libnvidia-ml.so.1
check_DATA += $(FAKE_NVML) $(FEW_NVML)
CLEANFILES += $(FAKE_NVML) $(FEW_NVML)
MAKE_FAKE_NVML = $(CC) $(WARN_CFLAGS) -D_GNU_SOURCE $(CFLAGS) -fPIC -shared -o $@ $(srcdir)/tests/monitor/fake_nvml.c
$(FAKE_NVML): tests/monitor/fake_nvml.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(MAKE_FAKE_NVML)
$(FEW_NVML): tests/monitor/fake_nvml.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(MAKE_FAKE_NVML) -DFEW
