#!/bin/bash
# Flux. One rank a GPU; edit the lines below for your machine.
# usage: flux batch jobs/flux.sh JOB.yaml [key=value ...]     (several in a row: jobs/restart_chain.sh)
#flux: --job-name=ranktune
#flux: -N 2
#flux: -n 4
#flux: -g 1
#flux: -t 12h
#flux: --signal=USR1@5m
set -u
[ $# -ge 1 ] || { echo "usage: flux batch $0 JOB.yaml [key=value ...]" >&2; exit 64; }

# The warning comes to this shell, to flux run and to the ranks alike: here it must only not end the shell.
trap : USR1
flux run -N "${NODES:-2}" -n "${RANKS:-4}" -g 1 -o exit-on-error "${RANKTUNE:-ranktune}" train "$@"
# 75, 76 and 80 mean: the same command goes on from the last checkpoint.
