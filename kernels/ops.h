/*
 * ops.h - every operation: one prototype, one contract. kernels/cpu is the reference, kernels/cuda the fast
 * one.
 *
 * Common to all: tensors are row-major; "ld" is the distance in elements between rows, at least the columns;
 * rt_act is the exec's element type (fp32 or bf16), `f32` is float; "rn" is rounding to the element type
 * (nothing in fp32). (=) sets an output, (+=) adds to it. Sums and transcendental functions are in fp32 at
 * least. Any shape of at least one row and column works; zero rows return RT_OK at once. The same bits every
 * run on the same machine. Failures: RT_ERR_INTERNAL for a shape that the contract excludes, RT_ERR_DEVICE for
 * a refused launch, text in ex->err. Aliasing is allowed only where said.
 */
#ifndef RT_KERNELS_OPS_H
#define RT_KERNELS_OPS_H

#include "base/status.h"
#include "kernels/exec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * gemm - c[m,n] = rn(alpha * op(a)[m,k] op(b)[k,n] + beta * c + bias[n])
 *   trans_a: a is stored [k,m]; trans_b: b is stored [n,k] (a weight [out,in] is b with trans_b).
 *   bias may be NULL and comes with beta 0 alone; beta is 0 (c need not be set before) or 1.  k may be 0: then
 * only beta and bias act. Sums in fp32; in bf16 one rounding at the end.
 */
typedef rt_status rt_gemm_fn(struct rt_exec *ex, rt_act *c, int64_t ldc, const rt_act *a, int64_t lda,
                             bool trans_a, const rt_act *b, int64_t ldb, bool trans_b, const rt_act *bias,
                             int64_t m, int64_t n, int64_t k, float alpha, float beta);

/* gemm_f32 - c[m,n] += alpha * op(a) op(b) with c in f32: gradients of LoRA matrices. As gemm, without
 * rounding. */
typedef rt_status rt_gemm_f32_fn(struct rt_exec *ex, float *c, int64_t ldc, const rt_act *a, int64_t lda,
                                 bool trans_a, const rt_act *b, int64_t ldb, bool trans_b, int64_t m, int64_t n,
                                 int64_t k, float alpha);

/*
 * add_rmsnorm_fwd - residual add and root-mean-square norm of each row in one pass.
 *     sum[r,c] = x[r,c] + delta[r,c], with round_sum rn of it (x itself where delta is NULL; sum is then not
 * written) rstd[r]  = 1 / sqrt(mean over c of sum^2 + eps) y[r,c]   = rn(w[c] * (sum[r,c] * rstd[r])) The
 * residual stream is stored in f32 in every job: it is where roundings would add up from layer to layer.
 *   round_sum is for towers whose stream the reference keeps in the element type: the vision ones, whose patch
 *   embedding puts it out so under autocast.
 *   sum, x [rows, cols] f32 contiguous; delta [rows, cols] contiguous; y [rows, cols] with ldy; rstd [rows]
 * f32; w [cols] f32. sum may be x. Source: arXiv:1910.07467; Qwen2RMSNorm of transformers.
 */
typedef rt_status rt_add_rmsnorm_fwd_fn(struct rt_exec *ex, float *sum, rt_act *y, int64_t ldy, float *rstd,
                                        const float *x, const rt_act *delta, const float *w, int64_t rows,
                                        int64_t cols, float eps, bool round_sum);

/*
 * rmsnorm_bwd - dx[r,c] (+=) rstd * (p - xh * mean(p * xh)), p = w * dy, xh = x * rstd;  dx_act = rn(dx)
 *   x [rows, cols] f32 is the row that was normed (sum above). dx [rows, cols] f32 contiguous is added to (the
 *   residual's gradient); dx_act [rows, cols] contiguous (=) is what the products below read.
 */
typedef rt_status rt_rmsnorm_bwd_fn(struct rt_exec *ex, float *dx, rt_act *dx_act, const rt_act *dy,
                                    int64_t lddy, const float *x, const float *rstd, const float *w,
                                    int64_t rows, int64_t cols);

/*
 * add_layernorm_fwd - as add_rmsnorm_fwd with mean and variance: y = rn((sum - mean) * rstd * w + b), one
 * rounding. stats [rows, 2] f32: mean, rstd; rstd = 1 / sqrt(mean of (sum - mean)^2 + eps). w, b [cols] f32.
 */
typedef rt_status rt_add_layernorm_fwd_fn(struct rt_exec *ex, float *sum, rt_act *y, int64_t ldy, float *stats,
                                          const float *x, const rt_act *delta, const float *w, const float *b,
                                          int64_t rows, int64_t cols, float eps, bool round_sum);
/* layernorm_bwd - dx (+=) rstd * (p - mean(p) - xh * mean(p * xh)), p = w * dy, xh = (x - mean) * rstd; dx_act
 * = rn(dx) */
typedef rt_status rt_layernorm_bwd_fn(struct rt_exec *ex, float *dx, rt_act *dx_act, const rt_act *dy,
                                      int64_t lddy, const float *x, const float *stats, const float *w,
                                      int64_t rows, int64_t cols);

/*
 * rope - rotate pairs (i, i + d/2) of every head in place: lo' = lo c - hi s, hi' = hi c + lo s.
 *   x [rows, heads * d] with ldx; cos, sin [rows, d/2] f32. sign = 1 forward, -1 backward (s becomes -s). All
 * in fp32, one rounding.
 */
typedef rt_status rt_rope_fn(struct rt_exec *ex, rt_act *x, int64_t ldx, const float *cos, const float *sin,
                             int64_t rows, int64_t heads, int64_t d, int sign);

/*
 * attention_fwd - o = softmax(scale q kT) v inside each segment.
 *   q [rows, heads * d], k and v [rows, kv_heads * d], each with its ld (slices of one fused product); query
 * head h uses key head h / (heads / kv_heads). o [rows, heads * d] with ldo. lse [heads, rows] f32: log of the
 * sum of exp of the scaled scores. Segment s is rows cu[s] .. cu[s+1]; cu [segments + 1] i32 where the exec
 * runs, host_cu the same on the host, from 0 to rows; max_length is the longest. d is at most 1024. causal: key
 * j is seen by query i of its segment iff j <= i. Scores and sums in fp32, scale multiplies the score's sum or,
 * as scale log2(e), goes into the exponent of 2. bf16 rounds exp(s - m), m the largest score so far, for the
 * product with v; their sum is of the unrounded ones, and divides the product before o is rounded once. Source:
 * arXiv:2205.14135, arXiv:2307.08691.
 */
struct rt_attention {
    const int32_t *cu, *host_cu;
    int64_t segments, max_length, rows, heads, kv_heads, d;
    bool causal;
    float scale;
};
typedef rt_status rt_attention_fwd_fn(struct rt_exec *ex, rt_act *o, int64_t ldo, float *lse, const rt_act *q,
                                      int64_t ldq, const rt_act *k, int64_t ldk, const rt_act *v, int64_t ldv,
                                      const struct rt_attention *at);
/*
 * attention_bwd - dq, dk, dv (=) from do, with o and lse of the forward.
 *     p = exp(scale q kT - lse), delta[i] = sum over c of do[i,c] o[i,c], ds = p (do vT - delta)
 *     dq = scale ds k, dk = scale dsT q, dv = pT do
 *   All of it in fp32, dk and dv summed over the query heads of their group, and rounded once. bf16 may round p
 * for the product with do, and ds, with scale in it or before scale, for those with k and q; ds is made of the
 * unrounded p. dq, dk, dv have the shapes and ld's given (lddq, lddk, lddv).
 */
typedef rt_status rt_attention_bwd_fn(struct rt_exec *ex, rt_act *dq, int64_t lddq, rt_act *dk, int64_t lddk,
                                      rt_act *dv, int64_t lddv, const rt_act *d_o, int64_t lddo,
                                      const rt_act *q, int64_t ldq, const rt_act *k, int64_t ldk,
                                      const rt_act *v, int64_t ldv, const rt_act *o, int64_t ldo,
                                      const float *lse, const struct rt_attention *at);
/* Bytes of ex->work that attention_bwd needs for at (maxima may be given); 0 if none. */
typedef size_t rt_attention_work_fn(const struct rt_attention *at);

/* swiglu_fwd - y[r,c] = rn(rn(silu(g)) * u), g = gu[r, c], u = gu[r, cols + c]; gu [rows, 2 cols] contiguous.
 */
typedef rt_status rt_swiglu_fwd_fn(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *gu, int64_t rows,
                                   int64_t cols);
/*
 * rt_low - a product of low rank that an operation adds to a tensor d as it reads it: d[r,c] stands for
 *     d[r,c] + sum over k < rank of u[r,k] a[k,c]
 * summed in fp32 and not rounded before use. u [rows, rank] with ldu; a [rank, cols] with lda; rank >= 0. Where
 * an operation takes a pointer to one, NULL and rank 0 add nothing. u may lie between the rows of d. It spares
 * the pass over all of d that a gemm of its own with beta 1 would be.
 */
struct rt_low {
    const rt_act *u;
    int64_t ldu;
    const rt_act *a;
    int64_t lda, rank;
};

/* swiglu_bwd - dgu (=): dg = dy u silu'(g), du = dy silu(g). dgu may be gu. low is added to dy. */
typedef rt_status rt_swiglu_bwd_fn(struct rt_exec *ex, rt_act *dgu, const rt_act *dy, int64_t lddy,
                                   const struct rt_low *low, const rt_act *gu, int64_t rows, int64_t cols);

/* gelu_fwd - y = rn(gelu(x)): ERF x/2 (1 + erf(x / sqrt 2)); TANH its tanh form; QUICK x sigmoid(1.702 x).
 * x [rows, cols] contiguous. */
enum rt_gelu { RT_GELU_ERF, RT_GELU_TANH, RT_GELU_QUICK };
typedef rt_status rt_gelu_fwd_fn(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t rows,
                                 int64_t cols, enum rt_gelu kind);
/* gelu_bwd - dx (=) rn(dy gelu'(x)); dx contiguous, may be x. */
typedef rt_status rt_gelu_bwd_fn(struct rt_exec *ex, rt_act *dx, const rt_act *dy, int64_t lddy,
                                 const rt_act *x, int64_t rows, int64_t cols, enum rt_gelu kind);

/* gather_rows - y[r, :] = x[index[r], :]; index NULL: r itself. index [rows] i32. */
typedef rt_status rt_gather_rows_fn(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                                    const int32_t *index, int64_t rows, int64_t cols);
/* scatter_rows - y[index[r], :] = x[r, :], rows not named stay; index has no repeats. */
typedef rt_status rt_scatter_rows_fn(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                                     const int32_t *index, int64_t rows, int64_t cols);

/* gather_rows_f32, scatter_rows_f32 - the same for f32 rows; ld's in floats. */
typedef rt_status rt_gather_rows_f32_fn(struct rt_exec *ex, float *y, int64_t ldy, const float *x, int64_t ldx,
                                        const int32_t *index, int64_t rows, int64_t cols);
typedef rt_status rt_scatter_rows_f32_fn(struct rt_exec *ex, float *y, int64_t ldy, const float *x, int64_t ldx,
                                         const int32_t *index, int64_t rows, int64_t cols);

/* embed_fwd - x[r] = features[image_rows[r]] where that is >= 0, else table[ids[r]]. x [rows, cols] f32
 * contiguous; table is of table_type (f32 also in a bf16 job whose model folder is fp32); features may be NULL
 * when no image_rows is >= 0. An id outside [0, vocab) is the caller's to prevent. */
typedef rt_status rt_embed_fwd_fn(struct rt_exec *ex, float *x, const void *table, enum rt_dtype table_type,
                                  const int32_t *ids, const rt_act *features, const int32_t *image_rows,
                                  int64_t rows, int64_t cols);
/* embed_bwd - dfeatures[image_rows[r]] = rn(dx[r]) where image_rows[r] >= 0: each feature row is used exactly
 * once. */
typedef rt_status rt_embed_bwd_fn(struct rt_exec *ex, rt_act *dfeatures, const float *dx,
                                  const int32_t *image_rows, int64_t rows, int64_t cols);

/*
 * patchify - one temporal slot of a picture to patch rows in the order of the 2 x 2 merge.
 *   y [grid_h * grid_w, 3 * 2 * patch * patch] contiguous = rn(lut[c][byte]); row of patch (py, px) =
 *   ((py / m) (grid_w / m) + px / m) m^2 + (py mod m) m + px mod m; column ((c 2 + t) patch + y) patch + x.
 *   rgb0, rgb1 [grid_h * patch, grid_w * patch, 3] bytes, frames t = 0 and 1 (may be the same); lut [3, 256]
 * f32. All where the exec runs. Source: Qwen2VLImageProcessor of transformers.
 */
typedef rt_status rt_patchify_fn(struct rt_exec *ex, rt_act *y, const uint8_t *rgb0, const uint8_t *rgb1,
                                 const float *lut, int64_t grid_h, int64_t grid_w, int64_t patch,
                                 int64_t merge);

/*
 * xent - cross entropy of rows of logits against targets, and its gradient in place.
 *     row_loss[r] = logsumexp(z[r,:]) - z[r, target[r]]             (not weighted)
 *     z[r,c]      = rn(weight[r] * (exp(z[r,c] - lse) - [c == target[r]]))      if with_grad
 *   logits [rows, cols] contiguous (in, out); row_loss [rows] f32 (=); row_hit [rows] f32 (=) 1 where the
 * largest logit (lowest column among equals) is the target, or NULL; targets [rows] i32; weight [rows] f32.
 */
typedef rt_status rt_xent_fn(struct rt_exec *ex, rt_act *logits, float *row_loss, float *row_hit,
                             const int32_t *targets, const float *weight, int64_t rows, int64_t cols,
                             bool with_grad);

/*
 * dropout - y = mask x / (1 - p), or y += with accumulate. Element (r, c) is kept iff the (c mod 4)-th word of
 *   philox(counter = (stream, r * ceil(cols / 4) + c / 4), key = seed) is >= p 2^32. y may be x.
 */
typedef rt_status rt_dropout_fn(struct rt_exec *ex, rt_act *y, int64_t ldy, const rt_act *x, int64_t ldx,
                                int64_t rows, int64_t cols, float p, uint64_t seed, uint64_t stream,
                                bool accumulate);

/* cast - y[r,c] = rn(scale * x[r,c]); x [rows, cols] f32 contiguous. */
typedef rt_status rt_cast_fn(struct rt_exec *ex, rt_act *y, int64_t ldy, const float *x, int64_t rows,
                             int64_t cols, float scale);
/* widen - y[r,c] = x[r,c] as f32; y contiguous. */
typedef rt_status rt_widen_fn(struct rt_exec *ex, float *y, const rt_act *x, int64_t ldx, int64_t rows,
                              int64_t cols);

/* l2norm - *norm = sqrt(sum g^2), accumulated in double or in a tree so that the error is below 1e-6 relative.
 */
typedef rt_status rt_l2norm_fn(struct rt_exec *ex, float *norm, const float *g, int64_t n);

/*
 * adamw - clipping and decoupled AdamW in one pass over n f32 elements. With t = step (from 1):
 *     s = max_norm > 0 ? min(1, max_norm / (*norm + 1e-6)) : 1;  g = s * grad
 *     p = p * (1 - lr * decay);  m = m + (1 - b1) (g - m);  v = b2 v + (1 - b2) g g
 *     p = p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + eps)
 *   norm points where the exec runs (l2norm's output). Scalars are made in double, used in f32; fmaf where
 * torch's fused CPU kernel has it: m = fmaf(g - m, 1 - b1, m), v = fmaf((1 - b2) g, g, v b2). Source:
 * arXiv:1711.05101; torch/optim/adamw.py and FusedAdamKernel.cpp.
 */
struct rt_adamw {
    double lr, beta1, beta2, eps, decay, max_norm;
    int64_t step;
};
typedef rt_status rt_adamw_fn(struct rt_exec *ex, float *p, float *m, float *v, const float *grad, int64_t n,
                              const float *norm, const struct rt_adamw *h);

struct rt_ops {
    const char *name; /* "cpu fp32", "cuda bf16" */
    rt_gemm_fn *gemm;
    rt_gemm_f32_fn *gemm_f32;
    rt_add_rmsnorm_fwd_fn *add_rmsnorm_fwd;
    rt_rmsnorm_bwd_fn *rmsnorm_bwd;
    rt_add_layernorm_fwd_fn *add_layernorm_fwd;
    rt_layernorm_bwd_fn *layernorm_bwd;
    rt_rope_fn *rope;
    rt_attention_fwd_fn *attention_fwd;
    rt_attention_bwd_fn *attention_bwd;
    rt_attention_work_fn *attention_work;
    rt_swiglu_fwd_fn *swiglu_fwd;
    rt_swiglu_bwd_fn *swiglu_bwd;
    rt_gelu_fwd_fn *gelu_fwd;
    rt_gelu_bwd_fn *gelu_bwd;
    rt_gather_rows_fn *gather_rows;
    rt_scatter_rows_fn *scatter_rows;
    rt_gather_rows_f32_fn *gather_rows_f32;
    rt_scatter_rows_f32_fn *scatter_rows_f32;
    rt_embed_fwd_fn *embed_fwd;
    rt_embed_bwd_fn *embed_bwd;
    rt_patchify_fn *patchify;
    rt_xent_fn *xent;
    rt_dropout_fn *dropout;
    rt_cast_fn *cast;
    rt_widen_fn *widen;
    rt_l2norm_fn *l2norm;
    rt_adamw_fn *adamw;
};

#endif
