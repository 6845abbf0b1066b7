# net.sh - hosts on this machine: each has a network, a host name, processes, /dev/shm and /tmp/host of its own, and a cable to
# one switch. Sourced after tests/jobs/lib.sh by what runs a job over several hosts. Nothing outside is changed, and all of
# it is gone when the first process of each host is.
hosts= switch=

# net_missing: says why there can be no hosts here, or nothing.
net_missing() {
    for net_tool in ip tc unshare nsenter mount hostname taskset mpirun; do
        command -v $net_tool > /dev/null || { echo "there is no $net_tool (iproute2, util-linux, openmpi-bin)"; return; }
    done
    [ "$(id -u)" -eq 0 ] || { echo "network namespaces need root"; return; }
    unshare -n -u -i -p -m -f sh -c 'ip link add v type veth peer name w && ip link add b0 type bridge' > /dev/null 2>&1 ||
        echo "this kernel gives no namespaces, veth or bridge here"
}

# inside HOST COMMAND ...: as a login on that host would run it
inside() {
    inside_host=$1
    shift
    nsenter -t "$(cat "$tmp/net/$inside_host")" -n -u -i -p -m -- "$@"
}

# wire HOST COMMAND ...: with that host's network alone
wire() {
    wire_host=$1
    shift
    nsenter -t "$(cat "$tmp/net/$wire_host")" -n -- "$@"
}

# hold NAME: the first process of a host, in namespaces of its own; its number in net/NAME
hold() {
    unshare -n -u -i -p -m -f sh -c '
        mount -t proc proc /proc && mount -t tmpfs shm /dev/shm && mkdir -p /dev/shm/tmp &&
        mount --bind '"$tmp"'/net/hosts /etc/hosts && hostname "$0" && ip link set lo up &&
        echo ready > '"$tmp"'/net/"$0".ready
        while :; do sleep 1000; done' "$1" > /dev/null 2>&1 < /dev/null &
    hold_job=$!
    hold_tries=0
    until [ -e "$tmp/net/$1.ready" ] || [ $hold_tries -gt 200 ]; do
        sleep 0.05
        hold_tries=$((hold_tries + 1))
    done
    children $hold_job > "$tmp/net/$1"
    [ -s "$tmp/net/$1" ]
}

# net_up NAME ...: hosts of these names, and "head" before them; 10.77.0.1 and on
net_up() {
    mkdir -p "$tmp/net"
    hosts="head $*" switch=switch net_number=0
    echo '127.0.0.1 localhost' > "$tmp/net/hosts"
    for net_host in $hosts; do
        net_number=$((net_number + 1))
        echo "10.77.0.$net_number $net_host" >> "$tmp/net/hosts"
    done
    hold switch && wire switch ip link add br0 type bridge && wire switch ip link set br0 up || return 1
    net_number=0
    for net_host in $hosts; do
        net_number=$((net_number + 1))
        echo $net_number > "$tmp/net/$net_host.number"
        hold "$net_host" && plug "$net_host" $net_number || return 1
    done
    # mpirun starts its daemons by this; it calls it with the host and one line for that host's shell. A host has one core:
    # with more, hosts would fight for the same ones, and sums over threads differ from those of ranks that share a host.
    cat > "$tmp/net/agent" << EOF
#!/bin/sh
while [ \$# -gt 0 ]; do case \$1 in -*) shift ;; *) break ;; esac; done
host=\$1
shift
echo "\$host" >> "$tmp/net/logins"
cd / && taskset -c \$((\$(cat "$tmp/net/\$host.number") % $(nproc))) nsenter -t "\$(cat "$tmp/net/\$host")" -n -u -i -p -m -- sh -c "cd '$tmp' && \$*"
code=\$?
# A login on a host that vanished does not end: nothing comes over the cable to say so.
[ \$code -ne 137 ] || exec sleep 600
exit \$code
EOF
    chmod +x "$tmp/net/agent"
}
# plug HOST NUMBER: its cable to the switch
plug() {
    wire switch ip link add "to-$1" type veth peer name eth0 netns "$(cat "$tmp/net/$1")" &&
        wire switch ip link set "to-$1" master br0 up && wire "$1" ip addr add "10.77.0.$2/24" dev eth0 &&
        wire "$1" ip link set eth0 up
}
# pull HOST: the cable; put HOST: back
pull() {
    wire switch ip link set "to-$1" down
}
put() {
    wire switch ip link set "to-$1" up
}
# vanish HOST: without a word to the others: the cable first, then every process
vanish() {
    pull "$1" && kill -9 "$(cat "$tmp/net/$1")"
}
# running HOST: processes of the program there
running() {
    [ -e "/proc/$(cat "$tmp/net/$1")" ] || return 0
    inside "$1" sh -c 'for p in /proc/[0-9]*; do [ "$(readlink $p/exe)" != "'"$program"'" ] || echo "${p#/proc/}"; done'
}
# bad_line HOST LOSS DELAY_MS: packets lost (a share in 1000) and late. netem where the kernel has it; else a filter that
# drops at random and a narrow line, in which packets wait and overflow.
bad_line() {
    bad_line_dev=to-$1
    if wire switch tc qdisc add dev "$bad_line_dev" root netem loss "$(awk "BEGIN { print $2 / 10 }")%" delay "$3ms" 2> /dev/null; then
        bad_line_kind=netem
        return
    fi
    bad_line_kind="a random filter and a narrow line (no netem here)"
    # ld random; drop (2) below the share of 2^32, else go on (-1)
    wire switch tc qdisc add dev "$bad_line_dev" clsact &&
        wire switch tc filter add dev "$bad_line_dev" ingress bpf da bytecode \
            "4,32 0 0 4294963256,53 1 0 $(awk "BEGIN { printf \"%d\", $2 * 4294967 }"),6 0 0 2,6 0 0 4294967295" &&
        wire switch tc qdisc add dev "$bad_line_dev" root tbf rate 100mbit burst 15k latency "$3ms"
}
good_line() {
    wire switch tc qdisc del dev "to-$1" root
    wire switch tc qdisc del dev "to-$1" clsact 2> /dev/null
    return 0
}
net_down() {
    for net_host in $hosts $switch; do
        net_pid=$(cat "$tmp/net/$net_host" 2> /dev/null) && [ -n "$net_pid" ] && kill -9 "$net_pid" 2> /dev/null
    done
    hosts= switch=
    rm -rf "$tmp/net"
}

# over HOSTS RANKS ARGUMENT ...: the program on HOSTS ("a:1,b:2"), by an mpirun on the host "head", which has no ranks; in the
# background as begin does. mpirun alone sees all processes, as it has to log in on the others.
over() {
    over_hosts=$1 over_ranks=$2
    shift 2
    : > "$tmp/log"
    # shellcheck disable=SC2086  # over_mca is several words
    timeout -k 5 "${limit:-60}" nsenter -t "$(cat "$tmp/net/head")" -n -u -i -- unshare -m sh -c \
        'mount --bind net/hosts /etc/hosts && exec "$@"' sh mpirun -mca plm_rsh_agent "$tmp/net/agent" ${over_mca-} \
        -x OMP_NUM_THREADS -x OMPI_ALLOW_RUN_AS_ROOT -x OMPI_ALLOW_RUN_AS_ROOT_CONFIRM --oversubscribe --bind-to none \
        -H "$over_hosts" -np "$over_ranks" "$program" "$@" > "$tmp/log" 2>&1 < /dev/null &
    job=$!
}
