# whole runs
EXTRA_DIST += tests/jobs/lib.sh tests/golden/jobs/record.py tests/golden/resume
EXTRA_DIST += tests/golden/jobs/all-eval.yaml tests/golden/jobs/all-eval.json tests/golden/jobs/cut.yaml \
    tests/golden/jobs/cut.json tests/golden/jobs/mixed.yaml tests/golden/jobs/mixed.json tests/golden/jobs/pillow.yaml \
    tests/golden/jobs/pillow.json tests/golden/jobs/qwen2vl-odd.yaml tests/golden/jobs/qwen2vl-odd.json \
    tests/golden/jobs/turns.yaml tests/golden/jobs/turns.json tests/golden/jobs/vision.yaml tests/golden/jobs/vision.json \
    tests/golden/jobs/data/dataset_info.json tests/golden/jobs/data/drive.json tests/golden/jobs/data/drive_eval.json \
    tests/golden/jobs/data/instructions.json tests/golden/jobs/data/odd.json tests/golden/jobs/data/texts.json \
    tests/golden/jobs/data/turns.json
dist_check_SCRIPTS += tests/jobs/foreign.sh
dist_check_SCRIPTS += tests/jobs/bad.sh tests/jobs/check.sh tests/jobs/golden.sh tests/jobs/launch.sh tests/jobs/memory.sh tests/jobs/monitor.sh tests/jobs/resume.sh \
    tests/jobs/alike.sh tests/jobs/beside.sh tests/jobs/clock.sh tests/jobs/hardware.sh tests/jobs/no_memory.sh tests/jobs/numbers.sh tests/jobs/silent.sh tests/jobs/stop.sh tests/jobs/tools.sh tests/jobs/train.sh tests/jobs/verdict.sh tests/jobs/vision_cache.sh
EXTRA_DIST += tests/jobs/fault.c
FAULT = tests/jobs/fault.so
check_DATA += $(FAULT)
CLEANFILES += $(FAULT)
$(FAULT): tests/jobs/fault.c
	@$(MKDIR_P) $(@D)
	$(AM_V_CCLD)$(CC) $(WARN_CFLAGS) $(MPI_CFLAGS) -Wno-pedantic -std=gnu11 -O2 -fPIC -shared -o $@ $(srcdir)/tests/jobs/fault.c -ldl
