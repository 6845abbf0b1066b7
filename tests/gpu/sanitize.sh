# sanitize.sh - compute-sanitizer over the operations' tests, one tool and test at a time on each GPU; sourced by tests/gpu.sh.
sanitizer=$(command -v compute-sanitizer || command -v /usr/local/cuda/bin/compute-sanitizer)
sanitize_one() { # TOOL NAME GPU: a line in $tmp/sanitize.TOOL.NAME
    CUDA_VISIBLE_DEVICES=$3 timeout -k 5 "${SANITIZE_LIMIT:-300}" "$sanitizer" --tool "$1" --error-exitcode 99 \
        --log-file "$out/$2.$1" "$(find_program "test_$2.t")" > "$out/$2.$1.out" 2>&1
    echo "$1 $2 $?" > "$tmp/sanitized.$1.$2"
}
sanitize_gpus=${SANITIZE_GPUS:-$(nvidia-smi --query-gpu=index --format=csv,noheader)}
sanitize_count=$(echo "$sanitize_gpus" | wc -w)
sanitize_share() { # NUMBER GPU: every sanitize_count-th pair, from that number on
    sanitize_i=0
    for sanitize_name in ${SANITIZE_NAMES:-attention gemm xent layernorm rmsnorm swiglu gelu rope embed rows dropout adamw patchify cast l2norm exec}; do
        for sanitize_tool in ${TOOLS:-memcheck racecheck initcheck synccheck}; do
            [ $((sanitize_i % sanitize_count)) -ne "$1" ] || sanitize_one "$sanitize_tool" "$sanitize_name" "$2"
            sanitize_i=$((sanitize_i + 1))
        done
    done
}
if [ -z "$sanitizer" ]; then
    skip "compute-sanitizer" "it is not there"
else
    sanitize_number=0 sanitizing=
    for sanitize_gpu in $sanitize_gpus; do
        sanitize_share $sanitize_number "$sanitize_gpu" &
        sanitizing="$sanitizing $!"
        sanitize_number=$((sanitize_number + 1))
    done
    wait $sanitizing
    for sanitize_tool in ${TOOLS:-memcheck racecheck initcheck synccheck}; do
        cat "$tmp/sanitized.$sanitize_tool".* > "$tmp/sanitized"
        sanitize_bad=$(awk '$3 != 0 { print $2 "(" $3 ")" }' "$tmp/sanitized" | tr '\n' ' ')
        check "$sanitize_tool over $(lines "$tmp/sanitized") tests: clean${sanitize_bad:+ but for $sanitize_bad}" [ -z "$sanitize_bad" ]
        note "$sanitize_tool: $(awk '$3 == 0' "$tmp/sanitized" | wc -l) of $(lines "$tmp/sanitized") tests clean $sanitize_bad"
    done
fi
