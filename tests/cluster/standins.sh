#!/bin/bash
# standins.sh - OpenPBS, LSF and Flux as far as jobs/ and the program deal with them, for machines that have none of them.
# Linked under the names of their commands: qsub qalter qstat, bsub jsrun, flux; and queue, which is the daemons. They read the
# directives of a script as the real ones do, and refuse options that those do not have. A job is a folder $QUEUE/N of small
# files; all its hosts are this one. What is known of the real ones: their manuals, none was at hand.
set -u
self=${0##*/}
fail() {
    echo "$self: $*" >&2
    exit 2
}
put() { printf '%s\n' "$2" > "$job/$1"; }
get() { cat "$job/$1" 2> /dev/null; }

# words TAG SCRIPT: options in the lines that begin with TAG, above the first command, as the array "words".
words() {
    eval "words=($(awk -v tag="$1" 'index($0, tag) == 1 { print substr($0, length(tag) + 1); next } !/^#/ && NF { exit }' "$2"))"
}
# new_job SYSTEM HOSTS PER_HOST WALL: the least that a job has.
new_job() {
    mkdir -p "$QUEUE"
    id=1
    until mkdir "$QUEUE/$id" 2> /dev/null; do id=$((id + 1)); done
    job=$QUEUE/$id
    put system "$1"
    put hosts 1
    put per_host 1
    put cwd "$PWD"
}
slots() {
    get tasks || echo $(($(get hosts) * $(get per_host)))
}
hostfile() { # each host as often as it has ranks
    for ((i = 0; i < $(slots); i++)); do echo localhost; done > "$job/hostfile"
}
seconds() { # [[HH:]MM:]SS
    local sum=0 part
    for part in ${1//:/ }; do sum=$((sum * 60 + 10#$part)); done
    echo $sum
}

# ---- OpenPBS ----
pbs_options() { # OPTION ...; what follows them in the array "rest"
    local part chunk
    while [[ ${1-} = -* ]]; do
        case $1 in
        -l)
            for part in ${2//,/ }; do
                case $part in
                walltime=*) put wall "$(seconds "${part#*=}")" ;;
                select=*)
                    chunk=${part#select=}
                    put hosts "${chunk%%:*}"
                    put per_host 1
                    [[ $chunk != *:mpiprocs=* ]] || { chunk=${chunk#*:mpiprocs=} && put per_host "${chunk%%:*}"; }
                    ;;
                *) fail "Unknown resource: $part" ;;
                esac
            done
            ;;
        -v) # alone, nothing of the submitter's environment goes along
            for part in ${2//,/ }; do
                [[ $part = *=* ]] || part=$part=${!part?}
                printf 'export %s=%q\n' "${part%%=*}" "${part#*=}"
            done >> "$job/vars"
            ;;
        -W)
            [[ $2 = depend=afterany:* ]] || fail "illegal -W value"
            put after "${2#depend=afterany:}"
            ;;
        -N | -r | -j | -k) ;;
        *) fail "invalid option $1" ;;
        esac
        shift 2
    done
    rest=("$@")
}
qsub() {
    new_job pbs
    words '#PBS' "${!#}"
    pbs_options "${words[@]}"
    pbs_options "$@" # go before what the script says
    [ ${#rest[@]} -eq 1 ] || fail "one script, and no arguments for it"
    cp "${rest[0]}" "$job/script"
    put state queued
    echo "$id.server"
}
qalter() {
    job=$QUEUE/${!#%.server}
    pbs_options "$@"
}
qstat() {
    [ "$1" = -f ] || fail "only -f"
    job=$QUEUE/${2%.server}
    [ -d "$job" ] || fail "Unknown Job Id $2"
    local state=R used=0
    [ "$(get state)" = running ] || state=Q
    [ $state = Q ] || used=$(($(date +%s) - $(get since)))
    printf 'Job Id: %s\n    job_state = %s\n    resources_used.walltime = %02d:%02d:%02d\n' "$2" $state \
        $((used / 3600)) $((used / 60 % 60)) $((used % 60))
    printf '    Resource_List.walltime = %02d:%02d:%02d\n' $(($(get wall) / 3600)) $(($(get wall) / 60 % 60)) $(($(get wall) % 60))
}
pbs_start() { # as a login would find things, in the home folder
    hostfile
    cat - "$job/vars" > "$job/start" << END
export PBS_ENVIRONMENT=PBS_BATCH PBS_JOBID=$id.server PBS_O_WORKDIR='$(get cwd)' PBS_NODEFILE='$job/hostfile' PBS_JOBDIR='$QUEUE'
cd '$QUEUE'
END
    echo "exec /bin/bash '$job/script'" >> "$job/start"
    exec env -i PATH="$PATH" QUEUE="$QUEUE" HOME="$QUEUE" OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
        OMP_NUM_THREADS=1 OMPI_MCA_ras=^tm,lsf OMPI_MCA_plm=^tm,lsf /bin/bash "$job/start"
}

# ---- LSF ----
lsf_options() {
    local n='' per='' span
    while [[ ${1-} = -* ]]; do
        case $1 in
        -r) set -- "" "$@" ;; # the one without a value
        -n) n=$2 ;;
        -nnodes) put hosts "$2" ;;
        -R) span=${2#*ptile=} && per=${span%%]*} ;;
        -W) put wall "$(seconds "$2:00")" ;;
        -wt) put warn_before "$2" ;;
        -wa) put warn "$2" ;;
        -Q) put again "$2" ;;
        -w)
            [[ $2 = ended\(*\) ]] || fail "bad dependency $2"
            span=${2#ended\(} && put after "${span%\)}"
            ;;
        -J | -o | -gpu) ;;
        *) fail "Illegal option $1" ;;
        esac
        shift 2
    done
    [ -z "$n" ] || { put per_host "${per:-$n}" && put hosts $((n / ${per:-$n})); }
    [ $# -eq 0 ] || fail "a script by the standard input"
}
bsub() {
    new_job lsf
    cat > "$job/script"
    words '#BSUB' "$job/script"
    lsf_options "${words[@]}" "$@"
    export -p > "$job/vars"
    put state queued
    echo "Job <$id> is submitted to queue <normal>."
}
lsf_start() {
    hostfile
    # shellcheck source=/dev/null
    . "$job/vars"
    cd "$(get cwd)" || exit
    LSB_MCPU_HOSTS="localhost $(slots)" LSB_HOSTS=$(tr '\n' ' ' < "$job/hostfile")
    export LSB_JOBID=$id LSB_JOBINDEX=0 LSB_DJOB_HOSTFILE=$job/hostfile LSB_MCPU_HOSTS LSB_HOSTS OMPI_MCA_ras=^tm,lsf OMPI_MCA_plm=^tm,lsf
    exec /bin/bash "$job/script"
}

# ---- starters of their own: ranks by mpirun, which hands USR1 on ----
# ranks N RANK_VARIABLE LOCAL_VARIABLE SIZE_VARIABLE ASSIGNMENTS COMMAND ...: variables for the ranks alone, as mpirun would take
# them for those of the real system.
ranks() {
    local n=$1 run
    # shellcheck disable=SC2016  # for the inner shell
    local each='eval "export $1=$OMPI_COMM_WORLD_RANK $2=$OMPI_COMM_WORLD_LOCAL_RANK $3=$OMPI_COMM_WORLD_SIZE $4"; shift 4; exec "$@"'
    shift
    set -m
    mpirun --oversubscribe --bind-to none -np "$n" /bin/bash -c "$each" rank "$@" < /dev/null &
    run=$!
    trap 'kill -USR1 $run 2> /dev/null' USR1
    while kill -0 $run 2> /dev/null; do wait $run; done
    wait $run
    exit
}
jsrun() {
    local sets=1 per_set=1 per_host=
    job=$QUEUE/$LSB_JOBID
    while [[ ${1-} = -* ]]; do
        case $1 in
        -n) sets=$2 ;;
        -a) per_set=$2 ;;
        -r) per_host=$2 ;;
        -g | -c | -b) ;;
        *) fail "unknown option $1" ;;
        esac
        shift 2
    done
    [ $((sets / ${per_host:-1})) -le "$(get hosts)" ] || fail "more resource sets than the job has hosts for"
    ranks $((sets * per_set)) JSM_NAMESPACE_RANK JSM_NAMESPACE_LOCAL_RANK JSM_NAMESPACE_SIZE "" "$@"
}

# ---- Flux ----
flux_options() {
    while [[ ${1-} = -* ]]; do
        case $1 in
        --*=*) set -- "${1%%=*}" "${1#*=}" "${@:2}" ;;
        esac
        case $1 in
        -N) put hosts "$2" ;;
        -n) put tasks "$2" ;;
        -t) put wall $((${2%h} * 3600)) ;;
        --signal) put warn "${2%@*}" ;;
        --dependency)
            [[ $2 = afterany:f* ]] || fail "bad dependency $2"
            put after "${2#afterany:f}"
            ;;
        -g | --job-name) ;;
        *) fail "unrecognized arguments: $1" ;;
        esac
        shift 2
    done
    rest=("$@")
}
flux_batch() {
    new_job flux
    flux_options "$@"
    words '#flux:' "${rest[0]}"
    flux_options "${words[@]}"
    flux_options "$@"
    cp "${rest[0]}" "$job/script"
    printf '%s\n' "${rest[@]:1}" > "$job/arguments"
    export -p > "$job/vars"
    put state queued
    echo "f$id"
}
flux_run() {
    local hosts=1 n=1
    job=$QUEUE/${FLUX_ENCLOSING_ID#f}
    while [[ ${1-} = -* ]]; do
        case $1 in
        -N) hosts=$2 ;;
        -n) n=$2 ;;
        -g | -o) ;;
        *) fail "unrecognized arguments: $1" ;;
        esac
        shift 2
    done
    { [ "$n" -le "$(slots)" ] && [ "$hosts" -le "$(get hosts)" ]; } || fail "unsatisfiable request"
    ranks "$n" FLUX_TASK_RANK FLUX_TASK_LOCAL_ID FLUX_JOB_SIZE "FLUX_JOB_ID=${FLUX_ENCLOSING_ID}s FLUX_JOB_NNODES=$hosts" "$@"
}
flux() {
    case "$1 ${2-}" in
    "batch "*) flux_batch "${@:2}" ;;
    "run "*) flux_run "${@:2}" ;;
    "job timeleft")
        job=$QUEUE/${FLUX_ENCLOSING_ID#f}
        echo $(($(get wall) - $(date +%s) + $(get since)))
        ;;
    *) fail "'$1' is not a flux command" ;;
    esac
}
flux_start() {
    # shellcheck source=/dev/null
    . "$job/vars"
    cd "$(get cwd)" || exit
    mapfile -t rest < "$job/arguments"
    export FLUX_ENCLOSING_ID=f$id FLUX_URI=local://
    exec /bin/bash "$job/script" "${rest[@]}"
}

# ---- the daemons ----
members() { # WHICH, group or session: the processes of the job
    local stat line field=3
    [ "$1" = group ] || field=4
    for stat in /proc/[0-9]*/stat; do
        read -r line 2> /dev/null < "$stat" || continue
        read -ra words <<< "${line##*) }"
        [ "${words[field - 1]}" != "$(get leader)" ] || echo "${line%% *}"
    done
}
signal() { # SIGNAL WHICH
    local pid
    for pid in $(members "$2"); do kill "-$1" "$pid" 2> /dev/null; done
}
# Its limit is near: PBS says nothing; LSF tells every process of the job; Flux the script with what runs in its foreground, and
# the ranks.
near() {
    local pid
    [ -n "$(get warn)" ] || return 0
    case $(get system) in
    lsf) [ -z "$(get warn_before)" ] || signal "$(get warn)" session ;;
    flux)
        signal "$(get warn)" group
        for pid in $(members session); do
            [ "$(cat "/proc/$pid/comm" 2> /dev/null)" != ranktune ] || kill "-$(get warn)" "$pid"
        done
        ;;
    esac
}
# One job to its end, or to its wall time: TERM and, kill_delay later, KILL. Its code, and whether LSF runs it again.
run_job() {
    local code
    put state running
    put since "$(date +%s)"
    setsid "$0" start "$id" > "$job/out.$(wc -l < "$job/codes")" 2>&1 < /dev/null &
    put leader $!
    trap 'signal KILL session; exit 143' TERM # a test that took too long
    until ! kill -0 $! 2> /dev/null; do
        sleep 0.1
        [ $(($(date +%s) - $(get since))) -ge "$(get wall)" ] || continue
        signal TERM session
        sleep 10
        signal KILL session
    done
    wait $!
    code=$?
    echo $code >> "$job/codes"
    [[ " $(get again) " = *" $code "* ]] && [ "$(wc -l < "$job/codes")" -lt 5 ] && put state queued && return
    put state over
}
# Everything that may run, in the order of submission, until nothing is left.
serve() {
    local ran=1 after
    while [ $ran = 1 ]; do
        ran=0
        for id in $(find "$QUEUE" -mindepth 1 -maxdepth 1 -type d -printf '%f\n' | sort -n); do
            job=$QUEUE/$id
            after=$(get after)
            after=${after%.server}
            [ "$(get state)" = queued ] || continue
            [ -z "$after" ] || [ "$(cat "$QUEUE/$after/state")" = over ] || continue
            touch "$job/codes"
            run_job
            ran=1
            break
        done
    done
}
case $self in
queue)
    id=${2-} job=$QUEUE/${2-}
    case $1 in
    serve | near) "$1" ;;
    start) "$(get system)_start" ;;
    esac
    ;;
*) "$self" "$@" ;;
esac
