#!/bin/sh
# A job over several hosts, each a network namespace: the bits of the same ranks on one host; a line that loses packets; a
# cable that is pulled and a host that vanishes, after which every rank is gone in time and one line names the host.
. "${RT_SRCDIR:-.}/tests/jobs/lib.sh"
. "$data/../tests/cluster/net.sh"
why=$(net_missing)
if [ -n "$why" ]; then
    echo "1..0 # SKIP $why"
    exit 0
fi
trap 'net_down; rm -rf "$tmp"' EXIT
model small25
job job.yaml small25
sed -i '/^max_steps/d' job.yaml
echo "max_steps: 8" >> job.yaml
net_up node-a node-b node-c
check "3 hosts and a login host, each with a network of its own" [ "$(inside node-b hostname)" = node-b ]

# ---- the same bits as on one host ----
for size in 2 3; do
    names=node-a:1,node-b:1
    [ $size -eq 2 ] || names=$names,node-c:1
    # one core a rank, as each host has
    limit=120 over node-a:$size $size train job.yaml output_dir=one$size
    end_of
    check "$size ranks on one host: exit $rc" rc_is 0
    limit=120 over $names $size train job.yaml output_dir=many$size
    end_of
    check "$size ranks on $size hosts: exit $rc" rc_is 0
    check "$size hosts: the same adapter to the bit" cmp one$size/adapter_model.safetensors many$size/adapter_model.safetensors
    check "$size hosts: the same log" same_logs one$size/trainer_log.jsonl many$size/trainer_log.jsonl
done
check "mpirun logged in on every host: $(sort -u net/logins | tr '\n' ' ')" [ "$(sort -u net/logins | tr '\n' ' ')" = "node-a node-b node-c " ]

# ---- a bad line: the job goes on ----
bad_line node-b 10 20
before=$(wire switch cat /sys/class/net/to-node-b/statistics/rx_packets 2> /dev/null)
limit=120 over node-a:1,node-b:1 2 train job.yaml output_dir=lossy
end_of
lost=$(wire switch tc -s qdisc show dev to-node-b | sed -n 's/.*(dropped \([0-9]*\).*/\1/p' | awk '{ s += $1 } END { print s + 0 }')
check "1 in 100 packets lost, 20 ms late ($bad_line_kind): exit $rc" rc_is 0
check "a bad line: $lost packets were lost" [ "$lost" -gt 0 ]
check "a bad line: the same adapter to the bit" cmp one2/adapter_model.safetensors lossy/adapter_model.safetensors
good_line node-b
# Out for less than ddp_timeout and back: TCP sends it again.
limit=120 over node-a:1,node-b:1 2 train job.yaml output_dir=back ddp_timeout=60 max_steps=40
until_said 'step 4/'
pull node-b
sleep 3
put node-b
end_of
check "a cable out for 3 s: exit $rc" rc_is 0

# ---- a host is lost ----
# mpirun hears of it by keep-alives, which jobs/*.sh ask for; here of 2 s, and 2 more that go unanswered.
keepalive='-mca oob_tcp_keepalive_time 2 -mca oob_tcp_keepalive_intvl 1 -mca oob_tcp_keepalive_probes 2'
gone() { # SECONDS HOST ...: no rank is left on these
    gone_tries=0 gone_limit=$1
    shift
    while [ $gone_tries -lt $((gone_limit * 5)) ]; do
        gone_left=$(for gone_host in "$@"; do running "$gone_host"; done)
        [ -n "$gone_left" ] || return 0
        sleep 0.2
        gone_tries=$((gone_tries + 1))
    done
    echo "still there: $gone_left"
    return 1
}
# train_on_three TIMEOUT: begins, until a checkpoint is there
train_on_three() {
    net_down
    net_up node-a node-b node-c
    rm -rf lost
    limit=90 over node-a:1,node-b:1,node-c:1 3 train job.yaml output_dir=lost save_steps=5 max_steps=100000 ddp_timeout="$1"
    check "$lose_what: three hosts train" until_said 'checkpoint-5 written'
}
# lose WHAT BOUND COMMAND ...: in the middle of training on three hosts
lose() {
    lose_what=$1 lose_bound=$2
    shift 2
    train_on_three 60
    begun=$(date +%s)
    "$@"
    end_of
    took=$(($(date +%s) - begun))
    check "$lose_what: mpirun ended with $rc after $took s <= $lose_bound" below "$took" "$lose_bound"
    check "$lose_what: no rank is left" gone 20 node-a node-b node-c
}
goes_on() { # on the hosts that are left
    limit=60 over "$1" 2 train job.yaml output_dir=lost save_steps=5 gradient_accumulation_steps=3 max_steps="$(($(ls -d lost/checkpoint-* | sed "s/.*-//" | sort -n | tail -n 1) + 4))"
    end_of
    check "$lose_what: the job goes on on the hosts that are left: exit $rc" rc_is 0
    check "$lose_what: from a checkpoint" said 'going on from lost/checkpoint-'
}
again() { # 76: a rank said so; 205: mpirun itself did
    [ "$rc" -eq 76 ] || [ "$rc" -eq 205 ]
}
over_mca=$keepalive
lose "a cable pulled, mpirun notices" 40 pull node-b
check "a cable pulled, mpirun notices: exit $rc" again
check "a cable pulled, mpirun notices: node-b is named" grep -q node-b log
lose "a host vanishes, mpirun notices" 40 vanish node-b
check "a host vanishes, mpirun notices: exit $rc" again
check "a host vanishes, mpirun notices: node-b is named" grep -q node-b log
goes_on node-a:1,node-c:1
# mpirun has a code of its own for a lost host; the summary has ours, and the reason. It says so later here, so that rank 0 has
# waited for long enough to know (1.25 beats of ddp_timeout / 8 and 2 s), and gives the ranks more than a second to end, for a
# slow machine.
over_mca='-mca oob_tcp_keepalive_time 6 -mca oob_tcp_keepalive_intvl 2 -mca oob_tcp_keepalive_probes 2 -mca odls_base_sigkill_timeout 5'
for way in pull vanish; do
    lose_what="$way: what is left to read"
    train_on_three 20
    $way node-b
    end_of
    check "$lose_what: exit $rc" again
    check "$lose_what: the summary has the job's code" grep -F '"exit_code": 76' lost/run_summary.json
    check "$lose_what: and says that others were waited for" grep -E '"reason": "rank 0 on node-a: .*(nothing is heard of rank 1 on node-b|all 3 ranks that are known wait inside)' lost/run_summary.json
    check "$lose_what: rank 0 says so" grep -q '^\[rank 0 node-a\] ' log
done
# The first host, on which mpirun runs in most batch systems, and rank 0.
first_vanishes() {
    pull head
    # shellcheck disable=SC2046  # several numbers
    kill -9 $(children "$(children $job)") $(children $job) 2> /dev/null
    vanish node-a
}
lose "the first host vanishes" 40 first_vanishes
# The ranks notice first, by ddp_timeout: all are gone, on both sides of the cut. mpirun itself stays for as long as TCP tries
# to bring its order to the lost host (a quarter of an hour), keep-alives or not: so these have to be the shorter.
over_mca= lose_what="a cable pulled, the ranks notice"
train_on_three 4
begun=$(date +%s)
pull node-b
check "$lose_what: no rank is left" gone 40 node-a node-b node-c
took=$(($(date +%s) - begun))
check "$lose_what: after $took s <= 30" below "$took" 30
check "$lose_what: a line of theirs" grep -qE '^\[rank [02] node-[ac]\] ' log
# shellcheck disable=SC2046  # several numbers
kill -9 $(children $job) 2> /dev/null
end_of
finish
