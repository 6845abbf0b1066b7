#!/usr/bin/env python3
"""Orders of rows as torch, accelerate and transformers make them. usage: make.py > orders.txt

A line: kind rows batch accumulation ranks drop_last seed epoch, then a 64-bit FNV-1a hash over the whole epoch's
micro-batches of all ranks (for each rank, for each micro-batch: its length, its rows, each as 8 bytes little-endian),
then, for small cases, "rank 0's rows | rank 1's rows ...", micro-batches set off by "/".
kind: shuffle, sequential, grouped (lengths of the rows: 1 + (7919 row + rows) mod 97), split (rows val_size seed).
course: a whole run grouped by length, its evaluations drawing from the same generator: rows batch accumulation ranks
seed eval_rows eval_batch steps on_start each_epoch eval_steps delay, then hashes over all epochs and all evaluations.
"""
import random, sys
import accelerate, datasets, torch, transformers
from accelerate.data_loader import BatchSamplerShard, SeedableRandomSampler
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler
from transformers.trainer_pt_utils import LengthGroupedSampler

datasets.disable_progress_bars()


def fnv(numbers):
    h = 0xCBF29CE484222325
    for n in numbers:
        for b in int(n).to_bytes(8, "little"):
            h = (h ^ b) * 0x100000001B3 % 2**64
    return h


def epochs(kind, n, b, g, w, drop, seed, count):
    """[epoch][rank][micro][row], through a real DataLoader."""
    out = [[None] * w for _ in range(count)]
    for rank in range(w):
        torch.manual_seed(seed)  # what Trainer does when it is made; shuffle has its own generator
        if kind == "shuffle":
            sampler = SeedableRandomSampler(range(n), data_seed=seed)
        elif kind == "sequential":
            sampler = SequentialSampler(range(n))
        else:
            sampler = LengthGroupedSampler(b * g, lengths=[1 + (7919 * i + n) % 97 for i in range(n)])
        batches = BatchSampler(sampler, b, drop)
        if w > 1:
            batches = BatchSamplerShard(batches, w, rank)
        loader = DataLoader(range(n), batch_sampler=batches, collate_fn=list)
        for e in range(count):
            if kind == "shuffle":
                sampler.set_epoch(e)
            out[e][rank] = list(loader)
            assert len(out[e][rank]) == len(batches)
    return out


def course(n, b, g, w, seed, ne, eb, steps, on_start, each_epoch, every, delay):
    """hashes of the epochs' and the evaluations' micro-batches, drawn in the Trainer's order."""
    trained, evaluated = [], []
    for rank in range(w):
        def loader(rows, batch, group):
            sampler = LengthGroupedSampler(group, lengths=[1 + (7919 * i + rows) % 97 for i in range(rows)])
            batches = BatchSampler(sampler, batch, False)
            return DataLoader(range(rows), collate_fn=list,
                              batch_sampler=BatchSamplerShard(batches, w, rank) if w > 1 else batches)

        def evaluate():
            evaluated.append((len(evaluated) - before, rank, list(loader(ne, eb, eb))))

        torch.manual_seed(seed)
        train, done, epoch, before = loader(n, b, b * g), 0, 0, len(evaluated)
        if on_start:
            evaluate()
        while done < steps:
            micros = []
            for i, micro in enumerate(train):
                micros.append(micro)
                if done < steps and ((i + 1) % g == 0 or i + 1 == len(train)):
                    done += 1
                    if not each_epoch and every > 0 and (done % every == 0 or done == steps) and done >= delay:
                        evaluate()
            trained.append((epoch, rank, micros))
            epoch += 1
            if each_epoch and min(done / -(-len(train) // g), epoch) >= delay:
                evaluate()
        evaluate()  # do_eval, after training
    return [fnv(x for _, _, micros in sorted(all) for m in micros for x in [len(m), *m]) for all in (trained, evaluated)]


def show(kind, n, b, g, w, drop, seed, count, full):
    for e, ranks in enumerate(epochs(kind, n, b, g, w, drop, seed, count)):
        flat = [x for rank in ranks for micro in rank for x in [len(micro), *micro]]
        text = "|".join("/".join(" ".join(map(str, m)) for m in rank) for rank in ranks) if full else "-"
        print(kind, n, b, g, w, int(drop), seed, e, f"{fnv(flat):016x}", text)


print("# torch", torch.__version__, "accelerate", accelerate.__version__, "transformers", transformers.__version__,
      "datasets", datasets.__version__)
for n, b, w in ((11, 2, 1), (11, 2, 2), (11, 2, 4), (10, 2, 4), (3, 2, 4), (5, 4, 2), (1, 4, 2), (24, 2, 2)):
    for kind in ("shuffle", "sequential", "grouped"):
        show(kind, n, b, 2, w, False, 42, 2, True)
r = random.Random(1)
for _ in range(1200):
    kind = r.choice(("shuffle", "shuffle", "sequential", "grouped"))
    b, w = r.randint(1, 9), r.randint(1, 9)
    show(kind, r.choice((r.randint(1, 20), r.randint(1, 400))), b, r.randint(1, 4), w, r.random() < 0.3,
         r.choice((0, 42, r.randint(1, 2**31))), 2, False)
show("shuffle", 100003, 2, 8, 16, False, 42, 1, False)
for _ in range(150):
    b, g, w, each = r.randint(1, 5), r.randint(1, 4), r.randint(1, 4), r.random() < 0.4
    n = r.randint(1, 120)
    args = (n, b, g, w, r.choice((42, r.randint(1, 2**31))), r.randint(1, 60), r.randint(1, 5),
            r.randint(1, max(1, 4 * n // (b * g * w))), int(r.random() < 0.3), int(each), 0 if each else r.randint(1, 7),
            r.choice((0, 0, 1, 2.5, 5)))
    print("course", *args, *(f"{h:016x}" for h in course(*args)))
for n, size, seed in ((11, 0.1, 42), (24, 0.25, 7), (1000, 100, 42), (333, 0.3, 1), (5, 1.5, 3), (2, 0.1, 0)):
    s = datasets.Dataset.from_dict({"i": range(n)}).train_test_split(
        test_size=int(size) if size > 1 else size, seed=seed)
    print("split", n, size, seed, f"{fnv(s['test']['i']):016x}", f"{fnv(s['train']['i']):016x}", len(s["test"]))
