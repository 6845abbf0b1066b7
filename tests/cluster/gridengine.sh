#!/bin/sh
# A real Grid Engine: sge_qmaster on one host and sge_execd on two (network namespaces), and jobs/sge.sh as users submit it:
# 4 ranks on 2 nodes, started by qrsh -inherit. What it does about warnings and exit codes: tests/jobs/launch.sh.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
. "$data/../tests/cluster/net.sh"
script=$(cd "$data/.." && pwd)/jobs/sge.sh
why=$(net_missing)
for tool in /usr/sbin/sge_qmaster /usr/sbin/sge_execd /usr/lib/gridengine/spoolinit qsub qconf; do
    [ -n "$why" ] || command -v $tool > /dev/null || why="there is no $tool (gridengine-master, gridengine-exec, gridengine-client)"
done
if [ -n "$why" ]; then
    echo "1..0 # SKIP $why"
    exit 0
fi
trap 'sge_down; rm -rf "$tmp"' EXIT
sge_down() {
    net_down # the execution daemons and all they started
    [ ! -s "$tmp/master" ] || kill -9 "$(cat "$tmp/master")" 2> /dev/null
}
chmod 755 "$tmp" # the daemons look in as other users too

# ---- the cluster, as Debian's init_cluster sets it up, in a folder of its own ----
root=$tmp/sge tools=/usr/lib/gridengine
mkdir -p "$root/default/common" "$root/spooldb" "$root/qmaster/job_scripts" "$root/spool"
for part in bin lib util utilbin; do
    ln -s /var/lib/gridengine/$part "$root/$part"
done
export SGE_ROOT="$root" SGE_CELL=default SGE_QMASTER_PORT=6444 SGE_EXECD_PORT=6445 SGE_ND=1 LD_LIBRARY_PATH=$tools
cat > "$root/default/common/bootstrap" << END
admin_user              none
default_domain          none
ignore_fqdn             true
spooling_method         berkeleydb
spooling_lib            libspoolb
spooling_params         $root/spooldb
binary_path             /usr/sbin
qmaster_spool_dir       $root/qmaster
security_mode           none
listener_threads        2
worker_threads          2
scheduler_threads       1
END
echo head > "$root/default/common/act_qmaster"
sed "s|^execd_spool_dir.*|execd_spool_dir $root/spool|; s|^min_uid.*|min_uid 0|; s|^min_gid.*|min_gid 0|; s|^load_report_time.*|load_report_time 00:00:02|" \
    /usr/share/gridengine/default-configuration > configuration
{ $tools/spoolinit berkeleydb libspoolb "$root/spooldb" init && $tools/spooldefaults configuration "$tmp/configuration" &&
    $tools/spooldefaults complexes /usr/share/gridengine/util/resources/centry &&
    $tools/spooldefaults usersets /usr/share/gridengine/util/resources/usersets && $tools/spooldefaults managers root; } > setup.out 2>&1
if ! net_up node-a node-b; then
    echo "1..0 # SKIP no hosts as network namespaces here"
    exit 0
fi
at_head() { # Grid Engine's commands, on the host where its master is
    nsenter -t "$(cat net/head)" -n -u -i -- unshare -m sh -c 'mount --bind net/hosts /etc/hosts && exec "$@"' sh "$@"
}
at_head sh -c 'echo $$ > master; exec /usr/sbin/sge_qmaster' > master.out 2>&1 &
patiently() { # COMMAND ...: until it succeeds, or 20 s
    patiently_tries=0
    until "$@" > patiently.out 2>&1; do
        [ $patiently_tries -lt 100 ] || return 1
        sleep 0.2
        patiently_tries=$((patiently_tries + 1))
    done
}
patiently at_head qconf -sh
number=0
for node in node-a node-b; do
    at_head qconf -ah $node >> setup.out 2>&1
    at_head qconf -as $node >> setup.out 2>&1
    # shellcheck disable=SC2016  # for the inner shell
    taskset -c $((number % $(nproc))) nsenter -t "$(cat net/$node)" -n -u -i -p -m -- sh -c 'cd "$0" && exec /usr/sbin/sge_execd' \
        "$tmp" > $node.out 2>&1 &
    number=$((number + 1))
done
at_head qconf -as head >> setup.out 2>&1
cat > pe << END
pe_name            mpi
slots              16
user_lists         NONE
xuser_lists        NONE
start_proc_args    NONE
stop_proc_args     NONE
allocation_rule    2
control_slaves     TRUE
job_is_first_task  FALSE
urgency_slots      min
accounting_summary FALSE
qsort_args         NONE
END
at_head qconf -Ap pe >> setup.out 2>&1
at_head qconf -ssconf | sed 's/^schedule_interval.*/schedule_interval 0:0:2/; s/^flush_submit_sec.*/flush_submit_sec 1/; s/^flush_finish_sec.*/flush_finish_sec 1/' > scheduler
at_head qconf -Msconf scheduler >> setup.out 2>&1
cat > queue << END
qname                 all.q
hostlist              node-a node-b
seq_no                0
load_thresholds       NONE
suspend_thresholds    NONE
nsuspend              1
suspend_interval      00:05:00
priority              0
min_cpu_interval      00:05:00
processors            UNDEFINED
qtype                 BATCH INTERACTIVE
ckpt_list             NONE
pe_list               mpi
rerun                 TRUE
slots                 2
tmpdir                /dev/shm/tmp
shell                 /bin/bash
prolog                NONE
epilog                NONE
shell_start_mode      posix_compliant
starter_method        NONE
suspend_method        NONE
resume_method         NONE
terminate_method      NONE
notify                00:00:20
owner_list            NONE
user_lists            NONE
xuser_lists           NONE
subordinate_list      NONE
complex_values        NONE
projects              NONE
xprojects             NONE
calendar              NONE
initial_state         default
s_rt                  INFINITY
h_rt                  INFINITY
s_cpu                 INFINITY
h_cpu                 INFINITY
s_fsize               INFINITY
h_fsize               INFINITY
s_data                INFINITY
h_data                INFINITY
s_stack               INFINITY
h_stack               INFINITY
s_core                INFINITY
h_core                INFINITY
s_rss                 INFINITY
h_rss                 INFINITY
s_vmem                INFINITY
h_vmem                INFINITY
END
at_head qconf -Aq queue >> setup.out 2>&1
ready() {
    [ "$(at_head qhost 2> /dev/null | grep -c '^node-[ab] *lx-')" -eq 2 ] && at_head qstat -f | grep -q 'all.q@node-b'
}
if ! patiently ready; then
    sed 's/^/# /' setup.out master.out node-a.out
    check "Grid Engine's daemons start" false
    finish
fi
check "Grid Engine: $(at_head qhost -help | head -n 1), 2 nodes of 2 slots" ready

# ---- jobs ----
model small25
job job.yaml small25
sed -i '/^max_steps\|^per_device_train\|^gradient_acc/d' job.yaml
cat >> job.yaml << END
per_device_train_batch_size: 1
gradient_accumulation_steps: 1
max_steps: 60
END
export RANKTUNE="$program" OMPI_MCA_orte_tmpdir_base=/dev/shm/tmp
submit() { # ARGUMENT ... of qsub
    number=$(at_head qsub -terse "$@" 2> qsub.err)
    [ -n "$number" ] || sed 's/^/# /' qsub.err
}
over_with() { # SECONDS: the job is no longer known
    over_tries=0
    while at_head qstat -j "$number" > /dev/null 2>&1; do
        [ $over_tries -lt $(($1 * 5)) ] || { at_head qstat; cat ranktune.o"$number"; return 1; }
        sleep 0.2
        over_tries=$((over_tries + 1))
    done
}
export MAX_HOURS=1
submit "$script" job.yaml output_dir=straight
check "sge.sh on 2 nodes, 4 slots: ends" over_with 120
check "sge.sh: $(grep -o '[0-9]* ranks x.*' ranktune.o"$number" | head -n 1)" [ -s straight/adapter_model.safetensors ]

finish
