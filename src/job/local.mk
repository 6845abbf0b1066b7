librt_a_SOURCES += src/job/job.h
