#!/bin/sh
# A real Slurm: slurmctld on one host and slurmd on two (network namespaces), and jobs/slurm.sbatch and slurm-srun.sbatch as
# users submit them: warned before the limit, run again by Slurm, on to the end, the bits of a run that nobody disturbed.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
. "$data/../tests/cluster/net.sh"
scripts=$(cd "$data/.." && pwd)/jobs
why=$(net_missing)
for tool in slurmctld slurmd sbatch srun scontrol scancel munged; do
    [ -n "$why" ] || command -v $tool > /dev/null || why="there is no $tool (slurm-wlm, munge)"
done
if [ -n "$why" ]; then
    echo "1..0 # SKIP $why"
    exit 0
fi
trap 'slurm_down; rm -rf "$tmp"' EXIT
slurm_down() {
    [ ! -s "$tmp/slurm/munged.pid" ] || kill "$(cat "$tmp/slurm/munged.pid")" 2> /dev/null
    net_down # every daemon and every step on the hosts
    [ -z "${controller-}" ] || kill -9 "$controller" 2> /dev/null
}

# ---- the cluster: 2 nodes which say that they have 16 cores and 2 GPUs, as the scripts ask for ----
mkdir -p slurm/state slurm/spool
dd if=/dev/urandom of=slurm/key bs=1024 count=1 2> /dev/null
chmod 400 slurm/key
munged --force --key-file="$tmp/slurm/key" --socket="$tmp/slurm/munge.sock" --pid-file="$tmp/slurm/munged.pid" \
    --log-file="$tmp/slurm/munged.log" --seed-file="$tmp/slurm/seed" > slurm/munged.out 2>&1
cat > slurm/slurm.conf << END
ClusterName=ranktune
SlurmctldHost=head
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$tmp/slurm/munge.sock
StateSaveLocation=$tmp/slurm/state
SlurmctldPidFile=$tmp/slurm/slurmctld.pid
SlurmctldLogFile=$tmp/slurm/slurmctld.log
SlurmdSpoolDir=$tmp/slurm/spool/%n
SlurmdPidFile=$tmp/slurm/%n.pid
SlurmdLogFile=$tmp/slurm/%n.log
SlurmdParameters=config_overrides
TmpFS=/dev/shm/tmp
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=5
JobRequeue=1
KillWait=10
GresTypes=gpu
NodeName=node-a,node-b CPUs=16 RealMemory=1000 Gres=gpu:2 State=UNKNOWN
PartitionName=p Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
for gpu in 0 1; do mknod slurm/gpu$gpu c 1 3; done # as /dev/null: nothing opens them
echo "Name=gpu File=$tmp/slurm/gpu[0-1]" > slurm/gres.conf
echo '' > slurm/cgroup.conf
export SLURM_CONF="$tmp/slurm/slurm.conf" RANKTUNE="$program" OMPI_MCA_orte_tmpdir_base=/dev/shm/tmp
if ! net_up node-a node-b; then
    echo "1..0 # SKIP no hosts as network namespaces here"
    exit 0
fi
# at HEAD'S PLACE: Slurm's commands, which look for the host "head"
at_head() {
    nsenter -t "$(cat net/head)" -n -u -i -- unshare -m sh -c 'mount --bind net/hosts /etc/hosts && exec "$@"' sh "$@"
}
at_head slurmctld -D > slurm/slurmctld.out 2>&1 &
number=0
for node in node-a node-b; do
    taskset -c $((number % $(nproc))) nsenter -t "$(cat net/$node)" -n -u -i -p -m -- sh -c 'cd "$0" && exec slurmd -D -N "$1"' \
        "$tmp" $node > slurm/$node.out 2>&1 &
    number=$((number + 1))
done
tries=0
until [ "$(at_head sinfo -h -t idle -o %D 2> /dev/null)" = 2 ] || [ $tries -gt 100 ]; do
    sleep 0.2
    tries=$((tries + 1))
done
controller=$(cat slurm/slurmctld.pid)
if [ "$(at_head sinfo -h -t idle -o %D)" != 2 ]; then
    tail -n 3 slurm/*.log slurm/*.out | sed 's/^/# /'
    check "Slurm's daemons start" false
    finish
fi
check "Slurm $(slurmd -V | cut -d ' ' -f 2): 2 nodes" at_head sinfo -N

# ---- jobs ----
model small25
job job.yaml small25
sed -i '/^max_steps\|^save_steps\|^per_device_train\|^gradient_acc/d' job.yaml
cat >> job.yaml << END
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
max_steps: 60
save_steps: 25
END
# submit ARGUMENT ...: of sbatch; $number is the job's
submit() {
    number=$(at_head sbatch --parsable "$@" 2> sbatch.err)
    : > log
    [ -n "$number" ] || sed 's/^/# /' sbatch.err
}
field() { # NAME, of the job
    at_head scontrol -o show job "$number" | sed -n "s/.* $1=\([^ ]*\).*/\1/p"
}
# until_state A|B [SECONDS]: the job's state is one of these, or false when it took too long
until_state() {
    until_tries=0
    while [ $until_tries -lt $((${2:-90} * 5)) ]; do
        state=$(field JobState)
        case "|$1|" in *"|$state|"*) return 0 ;; esac
        case $state in
        PENDING)
            # It would wait 2 minutes; some seconds are needed, as the steps' daemons may still be tidying up.
            [ "$(field Restarts)" = 0 ] || { sleep 6 && at_head scontrol update JobId="$number" StartTime=now; }
            ;;
        esac
        sleep 0.2
        until_tries=$((until_tries + 1))
    done
    echo "# job $number is still $state, $(field Reason)"
    return 1
}
until_step() { # DIR STEP: or later
    until_tries=0
    until [ "$(numbers "$1/trainer_log.jsonl" current_steps 2> /dev/null | tail -n 1)" -ge "$2" ] 2> /dev/null || [ $until_tries -gt 600 ]; do
        sleep 0.1
        until_tries=$((until_tries + 1))
    done
}
ended_well() {
    until_state 'COMPLETED|FAILED|CANCELLED|TIMEOUT|NODE_FAIL' 120
    [ "$(field JobState) $(field ExitCode)" = "COMPLETED 0:0" ] || { field JobState; field ExitCode; tail -n 15 ranktune-"$number".log; return 1; }
}
same_run() { # DIR
    cmp straight/adapter_model.safetensors "$1/adapter_model.safetensors" && same_logs straight/trainer_log.jsonl "$1/trainer_log.jsonl"
}

submit "$scripts/slurm.sbatch" job.yaml output_dir=straight
check "slurm.sbatch on 2 nodes, 4 ranks: ends" ended_well
check "slurm.sbatch: $(grep -o '[0-9]* ranks.*' ranktune-"$number".log | head -n 1)" [ -s straight/adapter_model.safetensors ]

submit "$scripts/slurm.sbatch" job.yaml output_dir=warned
until_step warned 5
at_head scancel --signal=USR1 --batch "$number" # as --signal=B:USR1 does
check "slurm.sbatch: warned, it is run again to the end" ended_well
check "slurm.sbatch: stopped with a checkpoint" grep -q 'stopped after step' ranktune-"$number".log
check "slurm.sbatch: $(field Restarts) restart" [ "$(field Restarts)" = 1 ]
check "slurm.sbatch: the bits and lines of the undisturbed run" same_run warned

submit "$scripts/slurm-srun.sbatch" job.yaml output_dir=srun
until_step srun 5
at_head scancel --signal=USR1 "$number" # to the steps, as --signal=USR1 does
check "slurm-srun.sbatch: warned, it is run again to the end" ended_well
check "slurm-srun.sbatch: stopped with a checkpoint" grep -q 'stopped after step' ranktune-"$number".log
check "slurm-srun.sbatch: $(field Restarts) restart" [ "$(field Restarts)" = 1 ]
check "slurm-srun.sbatch: the bits and lines of the undisturbed run" same_run srun

# A rank is killed: 76 or a signal's code, and the job is not lost.
submit "$scripts/slurm-srun.sbatch" job.yaml output_dir=killed save_steps=5
until_step killed 12
running node-b | head -n 1 | while read -r process; do inside node-b kill -9 "$process"; done
until_state 'COMPLETED|FAILED|CANCELLED|PENDING' 60
check "slurm-srun.sbatch: a rank killed: the step ends, the job is $(field JobState) with $(field ExitCode)" [ "$(running node-a; running node-b)" = "" ]
at_head scancel "$number"
submit "$scripts/slurm-srun.sbatch" job.yaml output_dir=killed save_steps=5
check "slurm-srun.sbatch: the same job again: ends" ended_well
check "slurm-srun.sbatch: a rank killed and gone on: the same bits and lines" same_run killed

# RequeueExit: no line of the script asks for it.
sed -i 's/^KillWait/RequeueExit=75\n&/' slurm/slurm.conf
at_head scontrol reconfigure
submit -J ranktune -o ranktune-%j.log --open-mode=append -N 2 --ntasks-per-node=2 --requeue \
    --wrap "exec mpirun --bind-to none $program train job.yaml output_dir=again"
until_step again 5
at_head scancel --signal=USR1 --batch "$number"
check "RequeueExit=75, exec mpirun: warned, it is run again to the end" ended_well
check "RequeueExit=75: $(field Restarts) restart" [ "$(field Restarts)" = 1 ]
check "RequeueExit=75: the bits and lines of the undisturbed run" same_run again

# The limit itself, in whole minutes. Slurm looks every 30 s, and warns at the first look that is less than 30 s away from
# the time asked for: 45 to 75 s after the start here, which leaves the slowest machine time for a step before it.
for script in slurm.sbatch:B:USR1@45 slurm-srun.sbatch:USR1@45; do
    [ "$script" = slurm.sbatch:B:USR1@45 ] || [ -n "${LONG-}" ] || continue
    submit --time=2 --signal="${script#*:}" "$scripts/${script%%:*}" job.yaml output_dir="limit.${script%%:*}" max_steps=1000000
    until_state 'RUNNING' 60
    until_step "limit.${script%%:*}" 1
    until_state 'PENDING|COMPLETED|FAILED|TIMEOUT' 160
    check "${script%%:*}, --time=2 --signal=${script#*:}: it stopped by itself and waits to be run again" [ "$state" = PENDING ]
    at_head scancel "$number"
    check "${script%%:*}: a good checkpoint" sh -c "'$program' info \"\$(ls -d limit.${script%%:*}/checkpoint-* | head -n 1)\""
    check "${script%%:*}: stopped, not killed" sh -c "grep 'stopped after step' ranktune-$number.log && ! grep -i 'time limit' ranktune-$number.log"
done
finish
