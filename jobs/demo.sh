#!/usr/bin/env bash
# From a fresh machine to a trained adapter: installs what is missing, builds, makes a small random model, trains it on 2
# ranks on the shipped driving scenes, and says where to look.
# usage: jobs/demo.sh [key=value ...]      (keys of jobs/demo.yaml)
set -euo pipefail
cd "$(dirname "$0")/.."
jobs/setup.sh

export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
[ -e demo-model/config.json ] ||
    b/ranktune init small25 demo-model --corpus data/drive/train.json --dtype fp32
mpirun --oversubscribe --bind-to none -np 2 b/ranktune train jobs/demo.yaml "$@"

cat << 'EOF'

Done. Look at
  demo-out/training_loss.png        the loss going down
  demo-out/trainer_log.jsonl        the same as numbers, one line a log
  demo-out/adapter_model.safetensors, adapter_config.json    the adapter, for PEFT
  demo-out/checkpoint-*             each resumes to the bit: kill the run, start it again without overwrite_output_dir
  demo-out/runs                     tensorboard --logdir demo-out/runs
and at what the model was fed:
  b/ranktune preview jobs/demo.yaml | less
EOF
