#!/bin/sh
# Layers: an #include may name its own module or a row below, never a row above or the neighbour across "|".
set -eu
cd "${RT_SRCDIR:-.}"
allowed() {
    case $1 in
    src/base) echo base ;;
    src/checkpoint) echo base checkpoint ;;
    src/report) echo base report ;;
    src/fetch) echo base fetch ;;
    src/monitor) echo base monitor ;;
    src/dist) echo base dist checkpoint report monitor ;;
    kernels | kernels/cpu | kernels/cuda) echo base dist checkpoint report monitor kernels ;;
    src/data) echo base dist checkpoint report monitor kernels data ;;
    src/model) echo base dist checkpoint report monitor kernels model ;;
    src/job) echo base dist checkpoint report monitor kernels data model job ;;
    src/train) echo base dist checkpoint report monitor kernels data model job train ;;
    src/check) echo base dist checkpoint report monitor kernels data model job train check ;;
    src/tools | src) echo base dist checkpoint report monitor kernels data model job train fetch check tools ;;
    esac
}
n=0
failed=0
for dir in src/base src/checkpoint src/report src/fetch src/monitor src/dist kernels kernels/cpu kernels/cuda src/data src/model src/job src/train src/check src/tools src; do
    bad=
    for file in "$dir"/*.c "$dir"/*.h "$dir"/*.cu "$dir"/*.cuh; do
        [ -e "$file" ] || continue
        for module in $(sed -n 's/^#include "\([a-z0-9_]*\)\/.*/\1/p' "$file" | sort -u); do
            case " $(allowed "$dir") " in
            *" $module "*) ;;
            *) bad="$bad $file->$module" ;;
            esac
        done
        for pair in mpi.h:src/dist nccl.h:src/dist hdf5.h:src/checkpoint zip.h:src/checkpoint curl/curl.h:src/fetch cblas.h:kernels/cpu cuda_runtime.h:kernels/cuda; do
            if grep -q "^#include <${pair%%:*}>" "$file" && [ "$dir" != "${pair#*:}" ]; then
                bad="$bad $file includes ${pair%%:*}"
            fi
        done
    done
    n=$((n + 1))
    if [ -z "$bad" ]; then echo "ok $n - $dir points down only"; else echo "not ok $n - $dir:$bad"; failed=1; fi
done
echo "1..$n"
exit $failed
