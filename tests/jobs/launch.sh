#!/bin/sh
# The scripts of jobs/ under stand-ins of their batch systems, which set their variables and send their signals: the job
# gets its arguments and one USR1, and what the script does about the exit code is what that system needs.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
root=$(cd "$data/.." && pwd)
scripts=$root/jobs
real_mpirun=$(command -v mpirun)
export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe

if command -v shellcheck > /dev/null; then
    check "shellcheck has nothing to say" shellcheck -s bash "$scripts"/*.sh "$scripts"/*.sbatch
else
    skip "shellcheck" "it is not installed"
fi

# ---- stand-ins ----
mkdir bin
PATH=$tmp/bin:$PATH
tool() { # NAME, the body from the standard input
    { echo '#!/bin/bash'; cat; } > "bin/$1"
    chmod +x "bin/$1"
}
# The job: a rank that runs until it is asked to stop (75), or ends with the code in the file "ends".
tool job << 'END'
echo "$$ $*" >> started
trap 'echo "$$" >> asked; exit 75' USR1
[ ! -e ends ] || exit "$(head -n 1 ends)"
for ((i = 0; i < 300; i++)); do sleep 0.1; done
END
# mpirun without the batch system's variables, which would make it look for that system's daemons.
tool mpirun << END
echo "mpirun \$*" >> launched
exec env -u SLURM_JOB_ID -u SLURM_NODELIST -u PBS_JOBID -u PBS_NODEFILE -u LSB_JOBID -u PE_HOSTFILE -u JOB_ID "$real_mpirun" "\$@"
END
# srun and flux run: one rank, options left out.
for launcher in srun flux; do
    tool $launcher << 'END'
echo "${0##*/} $*" >> launched
if [ "$1" = batch ]; then echo "f$(wc -l < launched | tr -d ' ')"; exit 0; fi
while [ "$1" != job ] && [ $# -gt 0 ]; do shift; done
exec "$@"
END
done
for taker in scontrol sbatch qsub bsub; do
    tool $taker << 'END'
echo "${0##*/} $* JOB=${JOB-}" >> launched
number=$((100 + $(wc -l < launched)))
case ${0##*/} in
sbatch) echo "$number;cluster" ;;
bsub) cat > /dev/null; echo "Job <$number> is submitted to queue <normal>." ;;
qsub) echo "$number.server" ;;
esac
END
done
export RANKTUNE=job

clean() {
    rm -f started asked launched ends
    : > launched
}
# start COMMAND ...: in the background, until a rank runs
start() {
    clean
    timeout -k 5 60 "$@" > log 2>&1 &
    pid=$!
    start_tries=0
    while [ ! -s started ] && [ $start_tries -lt 200 ]; do
        sleep 0.1
        start_tries=$((start_tries + 1))
    done
    sleep 0.2
}
end() {
    wait $pid
    rc=$?
}
launched() {
    grep -qF -- "$1" launched || { cat launched; return 1; }
}
got() { # ARGUMENTS: what each rank was started with
    [ -s started ] && ! sed 's/^[0-9]* //' started | grep -vxF -- "$1"
}
asked_once() { # no rank was asked twice
    [ -s asked ] && [ -z "$(sort asked | uniq -d)" ]
}
script_pid() { # of the script below timeout
    pgrep -P $pid | head -n 1
}

# warned WHAT CODE SIGNAL COMMAND ...: the signal to the script, as the system sends it
warned() {
    warned_what=$1 warned_code=$2 warned_signal=$3
    shift 3
    start "$@"
    kill "-$warned_signal" "$(script_pid)"
    end
    check "$warned_what: $warned_signal to the script: exit $rc" rc_is "$warned_code"
    check "$warned_what: the ranks are asked, once each" asked_once
}
# ended WHAT JOB_CODE CODE COMMAND ...: the job ends by itself
ended() {
    ended_what=$1 ended_with=$2 ended_code=$3
    shift 3
    clean
    echo "$ended_with" > ends
    run "$@"
    check "$ended_what: the job exits with $ended_with: exit $rc" rc_is "$ended_code"
}
plain='train my job.yaml lora_rank=4'

# Slurm
export SLURM_JOB_ID=7
warned "slurm.sbatch" 75 USR1 "$scripts/slurm.sbatch" "my job.yaml" lora_rank=4
check "slurm.sbatch: arguments" got "$plain"
check "slurm.sbatch: asks to be run again" launched 'scontrol requeue 7'
ended "slurm.sbatch" 0 0 "$scripts/slurm.sbatch" job.yaml
check "slurm.sbatch: a complete run is not run again" sh -c '! grep -q requeue launched'
ended "slurm.sbatch" 65 65 "$scripts/slurm.sbatch" job.yaml
check "slurm.sbatch: bad data is not run again" sh -c '! grep -q requeue launched'
export SLURM_RESTART_COUNT=20
ended "slurm.sbatch, for the 21st time" 76 76 "$scripts/slurm.sbatch" job.yaml
check "slurm.sbatch: not for ever" sh -c '! grep -q requeue launched'
unset SLURM_RESTART_COUNT
start "$scripts/slurm-srun.sbatch" "my job.yaml" lora_rank=4
kill -USR1 "$(cut -d ' ' -f 1 started)" # what --signal without B: does
end
check "slurm-srun.sbatch: USR1 to the ranks: exit $rc" rc_is 75
check "slurm-srun.sbatch: arguments" got "$plain"
check "slurm-srun.sbatch: the step ends when a rank fails" launched 'srun --mpi=pmix -K'
check "slurm-srun.sbatch: asks to be run again" launched 'scontrol requeue 7'
ended "slurm-srun.sbatch" 0 0 "$scripts/slurm-srun.sbatch" job.yaml
unset SLURM_JOB_ID

# PBS
export PBS_JOBID=8.server PBS_O_WORKDIR="$tmp" JOB="job.yaml lora_rank=4"
warned "pbs.sh" 75 TERM "$scripts/pbs.sh"
check "pbs.sh: arguments, and a limit of our own" got 'train job.yaml lora_rank=4 max_hours=11.8'
ended "pbs.sh" 0 0 "$scripts/pbs.sh"
unset PBS_JOBID

# LSF: USR1 to the whole group of the script
export LSB_JOBID=9
start setsid "$scripts/lsf.sh"
kill -USR1 "-$(script_pid)"
end
check "lsf.sh: USR1 to the script's group: exit $rc" rc_is 75
check "lsf.sh: the ranks are asked, once each" asked_once
check "lsf.sh: arguments" got 'train job.yaml lora_rank=4'
warned "lsf.sh" 75 USR2 "$scripts/lsf.sh"
unset LSB_JOBID JOB

# Grid Engine: 99 is its word for "again"
export JOB_ID=10 NSLOTS=2
for signal in USR1 USR2; do
    warned "sge.sh" 99 $signal "$scripts/sge.sh" job.yaml
done
check "sge.sh: as many ranks as slots" launched 'mpirun --bind-to none -np 2 job train job.yaml max_hours=11.8'
ended "sge.sh" 76 99 "$scripts/sge.sh" job.yaml
ended "sge.sh" 78 78 "$scripts/sge.sh" job.yaml
ended "sge.sh" 0 0 "$scripts/sge.sh" job.yaml
unset JOB_ID NSLOTS

# Flux: the signal comes to the script and to the ranks
start "$scripts/flux.sh" "my job.yaml" lora_rank=4
kill -USR1 "$(script_pid)" "$(cut -d ' ' -f 1 started)"
end
check "flux.sh: USR1: exit $rc" rc_is 75
check "flux.sh: arguments" got "$plain"
ended "flux.sh" 0 0 "$scripts/flux.sh" job.yaml

# no batch system
export RESTARTS=2 RESTART_WAIT=0
warned "mpirun.sh" 75 INT "$scripts/mpirun.sh" localhost:2 "my job.yaml" lora_rank=4
check "mpirun.sh: arguments" got "$plain"
check "mpirun.sh: two ranks" [ "$(lines started)" -eq 2 ]
ended "mpirun.sh" 76 76 "$scripts/mpirun.sh" localhost:1 job.yaml
check "mpirun.sh: a lost rank: started $(lines started) times" [ "$(lines started)" -eq 3 ]
ended "mpirun.sh" 65 65 "$scripts/mpirun.sh" localhost:1 job.yaml
check "mpirun.sh: bad data: started once" [ "$(lines started)" -eq 1 ]

# chains
clean
run "$scripts/restart_chain.sh" 3 "$scripts/slurm.sbatch" job.yaml lora_rank=4
check "a chain of 3 under Slurm: exit $rc" rc_is 0
check "a chain under Slurm: each waits for the one before" launched "sbatch --parsable --dependency=afterany:102 $scripts/slurm.sbatch job.yaml lora_rank=4"
clean
run "$scripts/restart_chain.sh" 2 "$scripts/pbs.sh" job.yaml lora_rank=4
check "a chain under PBS" launched "qsub -W depend=afterany:101.server -v JOB,RANKTUNE $scripts/pbs.sh JOB=job.yaml lora_rank=4"
clean
run "$scripts/restart_chain.sh" 2 "$scripts/lsf.sh" job.yaml
check "a chain under LSF" launched 'bsub -w ended(101) JOB=job.yaml'
clean
run "$scripts/restart_chain.sh" 2 "$scripts/flux.sh" job.yaml
check "a chain under Flux" launched "flux batch --dependency=afterany:f1 $scripts/flux.sh job.yaml"
for script in "$scripts"/slurm.sbatch "$scripts"/slurm-srun.sbatch "$scripts"/sge.sh "$scripts"/flux.sh "$scripts"/mpirun.sh "$scripts"/restart_chain.sh; do
    run "$script"
    check "${script##*/} without a job: exit $rc" rc_is 64
done

# ---- and once with the program itself: stopped by the script's signal, run again, the same bits ----
model small25
job real.yaml small25

export RANKTUNE="$program" NSLOTS=2 JOB_ID=11 MAX_HOURS=1 OMP_NUM_THREADS=1
run "$scripts/sge.sh" real.yaml output_dir=straight save_steps=1000 max_steps=400
check "the program, undisturbed: exit $rc" rc_is 0
timeout -k 5 60 "$scripts/sge.sh" real.yaml output_dir=stopped save_steps=1000 max_steps=400 > log 2>&1 &
pid=$!
tries=0
until grep -qs '"current_steps": 3,' stopped/trainer_log.jsonl || [ $tries -ge 300 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
kill -USR1 "$(script_pid)"
end
check "the program, warned: exit $rc" rc_is 99
check "the program, warned: $(ls -d stopped/checkpoint-* 2> /dev/null)" "$program" info stopped/checkpoint-*
run "$scripts/sge.sh" real.yaml output_dir=stopped save_steps=1000 max_steps=400
check "run again: exit $rc" rc_is 0
check "run again: the same adapter to the bit" cmp straight/adapter_model.safetensors stopped/adapter_model.safetensors
check "run again: the same log" same_logs straight/trainer_log.jsonl stopped/trainer_log.jsonl
run "$scripts/sge.sh" real.yaml output_dir=stopped save_steps=1000 max_steps=400
check "and again: already finished, exit $rc" rc_is 0
# The job file of the 7B model is one: only the model is missing here, and the line to fetch it is said.
run "$program" train "$scripts/qwen2_5vl_7b_lora_sft.yaml" dataset_dir="$data" device=cpu
check "the 7B job: exit $rc" rc_is 66
check "the 7B job: says how to fetch the model" one_error 'ranktune download Qwen/Qwen2.5-VL-7B-Instruct'
finish
