# lora.sh - LoRA's share of a step: the 7B job against itself with LoRA on k_proj alone, whose backward goes as deep but whose
# low-rank work is 1 % (512 of 70,000 rows a layer); sourced by tests/gpu.sh.
. "$RT_SRCDIR/tests/gpu/seven.sh"
if [ -z "$seven_model" ]; then
    skip "LoRA's share" "neither TOKENIZER nor MODEL is set"
else
    lora_best() { # WORD ...: the better of two runs, tokens/s
        lora_speed=0
        for lora_run in 1 2; do
            on 1 train seven.yaml output_dir=lora max_steps=10 vision_cache=off "$@"
            lora_speed=$(echo "$lora_speed $(seven_speed)" | awk '{ print ($1 > $2 ? $1 : $2) }')
        done
        echo "$lora_speed"
    }
    lora_all=$(lora_best)
    lora_least=$(lora_best lora_target=k_proj)
    lora_share=$(awk -v a="$lora_all" -v b="$lora_least" 'BEGIN { if (b > 0) printf "%.1f", 100 * (1 - a / b); else print "nan" }')
    check "7B: LoRA on all linears takes $lora_share % of a step <= 6 %" below "$lora_share" 6
    note "7B: $lora_all tokens/s with LoRA on all linears, $lora_least on k_proj alone: LoRA's share $lora_share %"
fi
