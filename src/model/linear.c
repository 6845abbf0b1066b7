/* linear.c - frozen linear layers with LoRA as one widened product, forward and backward. */
#include "config.h"
#include "kernels/ops.h"
#include "model/linear.h"

static uint64_t mask_stream(const struct rt_pass *pass, int64_t module)
{
    return pass->stream * (uint64_t)pass->adapter->modules + (uint64_t)module;
}

static bool drops(const struct rt_pass *pass)
{
    return pass->train && pass->dropout > 0;
}

/* dropped = dropout(x) for one part: every module has a mask of its own. */
static rt_status drop_input(const struct rt_pass *pass, const struct rt_linear *lin, const rt_act *x,
                            int64_t rows, int64_t module)
{
    return pass->ex->ops->dropout(pass->ex, pass->dropped, lin->in, x, lin->ld, rows, lin->in, pass->dropout,
                                  pass->seed, mask_stream(pass, module), false);
}

rt_status rt_linear_low(const struct rt_pass *pass, const struct rt_linear *lin, rt_act *x, int64_t rows)
{
    struct rt_exec *ex = pass->ex;
    const struct rt_ops *op = ex->ops;
    const int64_t in = lin->in, ld = lin->ld, r = pass->adapter != NULL ? pass->adapter->r : 0;
    rt_act *u = rt_at(ex, x, in);
    if (lin->rank > 0 && !drops(pass)) /* with the rows of zeros below A, so that the padding becomes 0 too */
        return op->gemm(ex, u, ld, x, ld, false, lin->a, in, true, NULL, rows, ld - in, in, 1.0f, 0.0f);
    for (int i = 0; i < lin->parts && lin->rank > 0; i++) {
        const struct rt_linear_part *p = &lin->part[i];
        if (p->module < 0)
            continue;
        RT_TRY(drop_input(pass, lin, x, rows, p->module));
        RT_TRY(op->gemm(ex, rt_at(ex, u, p->col), ld, pass->dropped, in, false, rt_at(ex, lin->a, p->col * in),
                        in, true, NULL, rows, r, in, 1.0f, 0.0f));
    }
    if (ld == in + lin->rank)
        return RT_OK;
    return op->gemm(ex, rt_at(ex, u, lin->rank), ld, x, ld, false, x, ld, true, NULL, rows, ld - in - lin->rank,
                    0, 1.0f, 0.0f); /* a product over nothing */
}

rt_status rt_linear_fwd(const struct rt_pass *pass, const struct rt_linear *lin, rt_act *y, int64_t ldy,
                        rt_act *x, int64_t rows)
{
    RT_TRY(rt_linear_low(pass, lin, x, rows));
    return pass->ex->ops->gemm(pass->ex, y, ldy, x, lin->ld, false, lin->w, lin->ld, true, lin->bias, rows,
                               lin->out, lin->ld, 1.0f, 0.0f);
}

/* dA += du^T x and dB += s dy^T u, part by part or, for A without dropout, all parts at once. */
static rt_status grads(const struct rt_pass *pass, const struct rt_linear *lin, const rt_act *du,
                       const rt_act *dy, int64_t lddy, const rt_act *x, int64_t rows)
{
    struct rt_exec *ex = pass->ex;
    const struct rt_adapter *ad = pass->adapter;
    const int64_t in = lin->in, ld = lin->ld, r = ad->r;
    const rt_act *u = rt_at(ex, x, in);
    bool a_done = false;
    for (int i = 0; i < lin->parts; i++) {
        const struct rt_linear_part *p = &lin->part[i];
        if (p->module < 0)
            continue;
        const struct rt_adapter_module *m = &ad->module[p->module];
        if (drops(pass)) {
            RT_TRY(drop_input(pass, lin, x, rows, p->module));
            RT_TRY(ex->ops->gemm_f32(ex, ad->g + m->a, in, rt_at(ex, du, p->col), ld, true, pass->dropped, in,
                                     false, r, in, rows, 1.0f));
        } else if (!a_done) { /* the A's of a linear lie below each other, as their u's lie side by side */
            RT_TRY(
                ex->ops->gemm_f32(ex, ad->g + m->a, in, du, ld, true, x, ld, false, lin->rank, in, rows, 1.0f));
            a_done = true;
        }
        RT_TRY(ex->ops->gemm_f32(ex, ad->g + m->b, r, rt_at(ex, dy, p->row), lddy, true, rt_at(ex, u, p->col),
                                 ld, false, p->rows, r, rows, (float)m->scale));
    }
    return RT_OK;
}

rt_status rt_linear_bwd(const struct rt_pass *pass, const struct rt_linear *lin, rt_act *dx, const rt_act *dy,
                        int64_t lddy, const rt_act *x, int64_t rows, bool need_dx, struct rt_low *low)
{
    struct rt_exec *ex = pass->ex;
    const struct rt_ops *op = ex->ops;
    const int64_t in = lin->in, ld = lin->ld, rank = lin->rank;
    const int64_t from = need_dx ? 0 : in;
    rt_act *du = rt_at(ex, dx, in);
    if (low != NULL)
        *low = (struct rt_low){ .rank = 0 };
    if (need_dx || rank > 0)
        RT_TRY(op->gemm(ex, rt_at(ex, dx, from), ld, dy, lddy, false, rt_at(ex, lin->w, from), ld, false, NULL,
                        rows, ld - from, lin->out, 1.0f, 0.0f));
    if (rank == 0)
        return RT_OK;
    RT_TRY(grads(pass, lin, du, dy, lddy, x, rows));
    if (!need_dx)
        return RT_OK;
    if (low != NULL && !drops(pass)) {
        *low = (struct rt_low){ .u = du, .ldu = ld, .a = lin->a, .lda = in, .rank = ld - in };
        return RT_OK;
    }
    if (!drops(pass))
        return op->gemm(ex, dx, ld, du, ld, false, lin->a, in, false, NULL, rows, in, ld - in, 1.0f, 1.0f);
    for (int i = 0; i < lin->parts; i++) {
        const struct rt_linear_part *p = &lin->part[i];
        if (p->module < 0)
            continue;
        RT_TRY(op->gemm(ex, pass->dropped, in, rt_at(ex, du, p->col), ld, false, rt_at(ex, lin->a, p->col * in),
                        in, false, NULL, rows, in, pass->adapter->r, 1.0f, 0.0f));
        RT_TRY(op->dropout(ex, dx, ld, pass->dropped, in, rows, in, pass->dropout, pass->seed,
                           mask_stream(pass, p->module), true));
    }
    return RT_OK;
}

rt_status rt_linear_refresh(const struct rt_pass *pass, const struct rt_linear *lin)
{
    struct rt_exec *ex = pass->ex;
    const struct rt_adapter *ad = pass->adapter;
    for (int i = 0; i < lin->parts; i++) {
        const struct rt_linear_part *p = &lin->part[i];
        if (p->module < 0)
            continue;
        const struct rt_adapter_module *m = &ad->module[p->module];
        RT_TRY(ex->ops->cast(ex, rt_at(ex, lin->a, p->col * lin->in), lin->in, ad->p + m->a, ad->r, lin->in,
                             1.0f));
        RT_TRY(ex->ops->cast(ex, rt_at(ex, lin->w, p->row * lin->ld + lin->in + p->col), lin->ld, ad->p + m->b,
                             p->rows, ad->r, (float)m->scale));
    }
    return RT_OK;
}
