#!/usr/bin/env python3
"""Write vectors.txt: what torch's CPU generator and numpy's two generators give. Read by tests/base/test_rng.c.

usage: make_vectors.py > vectors.txt
A line is: kind seed n value ... (decimal; floats as the number their 32 bits make).
"""
import math
import numpy as np
import torch

print(f"# torch {torch.__version__}, numpy {np.__version__}; kernels: {torch.backends.cpu.get_cpu_capability()}")


def line(kind, seed, n, values):
    print(kind, seed, n, *[int(v) for v in values])


def bits(t):
    return t.detach().numpy().ravel().view(np.uint32)


for seed in (0, 1, 42, 43, 123456789, 2**32 + 7, 2**63 - 1):
    g = torch.Generator()
    g.manual_seed(seed)
    line("randperm", seed, 700, torch.randperm(700, generator=g))  # more than 624 draws: the state turns over
    line("more_randperm", seed, 7, torch.randperm(7, generator=g))
    line("more_random63", seed, 1, [torch.empty((), dtype=torch.int64).random_(generator=g)])
    line("more_uniform", seed, 50, bits(torch.empty(50).uniform_(-0.3, 0.7, generator=g)))
    w = torch.empty(1, 3584)
    torch.nn.init.kaiming_uniform_(w, a=math.sqrt(5), generator=g)
    line("more_kaiming3584", seed, 20, bits(w)[:20])
for n in (1, 2, 10, 11, 16, 32):
    for seed in (0, 42, 43):
        g = torch.Generator()
        g.manual_seed(seed)
        line("randperm", seed, n, torch.randperm(n, generator=g))
for seed in (0, 42, 43, 4294967295):
    np.random.seed(seed)
    line("np_permutation", seed, 700, np.random.permutation(700))
    line("more_np_permutation", seed, 13, np.random.permutation(13))
    line("more_np_choice100", seed, 20, np.random.choice(100, 20))
for n in (1, 2, 10, 11):
    np.random.seed(42)
    line("np_permutation", 42, n, np.random.permutation(n))
for seed in (0, 1, 7, 42, 2**32 - 1, 2**32, 2**63 + 12345):
    line("seed_sequence", seed, 8, np.random.SeedSequence(seed).generate_state(8))
    line("pcg64", seed, 10, np.random.default_rng(seed).bit_generator.random_raw(10))
    g = np.random.default_rng(seed)
    line("pcg64_permutation", seed, 500, g.permutation(500))
    line("more_pcg64_permutation", seed, 101, g.permutation(101))
for seed, n in ((42, 1), (42, 2), (42, 10), (42, 11), (7, 20)):
    line("pcg64_permutation", seed, n, np.random.default_rng(seed).permutation(n))
