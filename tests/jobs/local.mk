# whole runs
EXTRA_DIST += tests/jobs/lib.sh
dist_check_SCRIPTS += tests/jobs/bad.sh tests/jobs/memory.sh tests/jobs/resume.sh tests/jobs/train.sh
