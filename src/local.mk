# src/local.mk - each folder below lists its own files.
include src/base/local.mk
include src/dist/local.mk
include src/checkpoint/local.mk
include src/report/local.mk
include src/fetch/local.mk
include src/monitor/local.mk
include src/data/local.mk
include src/model/local.mk
include src/job/local.mk
include src/train/local.mk
include src/check/local.mk
include src/tools/local.mk
