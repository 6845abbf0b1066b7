# whole runs
EXTRA_DIST += tests/jobs/lib.sh
dist_check_SCRIPTS += tests/jobs/vision_cache.sh
dist_check_SCRIPTS += tests/jobs/bad.sh tests/jobs/launch.sh tests/jobs/memory.sh tests/jobs/resume.sh tests/jobs/silent.sh \
    tests/jobs/train.sh
