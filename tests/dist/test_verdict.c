/* tests/dist/test_verdict.c - limits by phase, who is to blame among many ranks on many hosts, and the files by
 * which hosts know of each other. */
#include "config.h"
#include "dist/heartbeat.h"
#include "tap.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RANKS = 8, A_HOST = 4 };

/* All ranks wait in operation 11 for `s` seconds. */
static void all_wait(struct rt_seen *seen, double s)
{
    for (int r = 0; r < RANKS; r++) {
        seen[r] = (struct rt_seen){ .rank = r,
                                    .pid = 100 + r,
                                    .phase = RT_PHASE_SUM,
                                    .inside = true,
                                    .state = 'R',
                                    .op = "sum over ranks",
                                    .step = 4,
                                    .sample = 10 * r,
                                    .entered = 11,
                                    .completed = 10,
                                    .silent_s = s };
        snprintf(seen[r].host, sizeof seen[r].host, "node%d", r / A_HOST);
    }
}

static void late(struct rt_seen *s, int phase, double silent_s)
{
    s->phase = phase;
    s->inside = false;
    s->entered = s->completed;
    s->silent_s = silent_s;
}

static void name_row(void *context, int64_t sample, char *text, size_t bytes)
{
    snprintf(text, bytes, "%s row %lld", (const char *)context, (long long)sample + 1);
}

static int judged(const struct rt_seen *seen, int me, const struct rt_limits *l, char *text, size_t bytes)
{
    static char file[] = "a.json";
    return rt_verdict_text(&(struct rt_verdict){ seen, RANKS, me, l, name_row, file }, text, bytes);
}

static void test_limits(void)
{
    struct rt_limits l;
    rt_limits_init(&l);
    ok(rt_limit_s(&l, RT_PHASE_SUM, true) == 600, "a wait for ranks may take 600 s");
    ok(rt_limit_s(&l, RT_PHASE_FORWARD, false) == 1800, "the first step 1800 s");
    ok(rt_limit_s(&l, RT_PHASE_SAVE, false) == 900, "a checkpoint 900 s");
    ok(rt_limit_s(&l, RT_PHASE_LOAD, false) == 1800, "loading 1800 s");
    ok(rt_limit_s(&l, RT_PHASE_DATA, false) == 300 && rt_limit_s(&l, RT_PHASE_SCAN, false) == 300,
       "a sample 300 s");
    l.first = false;
    l.learned_s = 70;
    ok(rt_limit_s(&l, RT_PHASE_BACKWARD, false) == 70 && rt_limit_s(&l, RT_PHASE_DATA, false) == 70,
       "and what was learned holds in a step");
    ok(rt_limit_s(&l, RT_PHASE_SUM, true) == 70, "and for a wait");
    ok(rt_limit_s(&l, RT_PHASE_SAVE, false) == 900, "not for a checkpoint");
    l.collective_s = 5;
    ok(rt_limit_s(&l, RT_PHASE_SUM, true) == 5, "ddp_timeout: 5 is 5 s for a wait");
    ok(rt_limit_s(&l, RT_PHASE_FORWARD, false) == 70, "and for nothing else");
}

static void test_due(void)
{
    struct rt_seen seen[RANKS];
    struct rt_limits l;
    rt_limits_init(&l);
    l.first = false;
    l.collective_s = 60;
    all_wait(seen, 59);
    ok(!rt_verdict_due(seen, RANKS, 2, &l), "59 s of 60: not yet");
    all_wait(seen, 61);
    ok(rt_verdict_due(seen, RANKS, 2, &l), "61 s of 60, all inside: time");
    late(&seen[5], RT_PHASE_DATA, 30);
    ok(!rt_verdict_due(seen, RANKS, 2, &l), "one that still decodes moved 30 s ago: patience");
    late(&seen[5], RT_PHASE_DATA, 61);
    ok(rt_verdict_due(seen, RANKS, 2, &l), "61 s ago: time");
    late(&seen[0], RT_PHASE_SAVE, 800);
    ok(!rt_verdict_due(seen, RANKS, 2, &l), "rank 0 saves for 800 s: patience");
    seen[0].state = 'T';
    ok(rt_verdict_due(seen, RANKS, 2, &l), "but it was stopped: time");
    late(&seen[0], RT_PHASE_SAVE, 901);
    seen[0].state = 'R';
    ok(rt_verdict_due(seen, RANKS, 2, &l), "for 901 s: time");
    ok(rt_verdict_due(seen, RANKS, 0, &l), "and it says so of itself");
}

static void test_names(void)
{
    struct rt_seen seen[RANKS];
    struct rt_limits l;
    char text[2000];
    rt_limits_init(&l);
    l.first = false;
    l.collective_s = 60;
    all_wait(seen, 61);
    late(&seen[6], RT_PHASE_DATA, 65);
    ok(judged(seen, 1, &l, text, sizeof text) == 1 &&
           strcmp(
               text,
               "rank 6 on node1 (process 106) does not answer: for 65 s in waiting for data of step 5, sample "
               "60 (a.json row 61)") == 0,
       "one that hangs in decode: %s", text);
    snprintf(seen[6].gpu, sizeof seen[6].gpu, "GPU-1");
    late(&seen[3], RT_PHASE_BACKWARD, 2);
    ok(judged(seen, 1, &l, text, sizeof text) == 1 &&
           strstr(text, "rank 6 on node1 (process 106, GPU-1)") == text,
       "not one that is only slow: %s", text);
    seen[2].state = 'T';
    ok(judged(seen, 1, &l, text, sizeof text) == 1 &&
           strstr(text,
                  "rank 2 on node0 (process 102, stopped by a signal) does not answer: for 61 s in the sum of "
                  "gradients of step 5, inside collective #11") == text,
       "one that was stopped comes first: %s", text);

    all_wait(seen, 61);
    for (int r = A_HOST; r < RANKS; r++)
        seen[r].unheard_s = 45;
    ok(judged(seen, 1, &l, text, sizeof text) == A_HOST && strstr(text, "rank 4 on node1") == text &&
           strstr(text, "nothing was heard of its host for 45 s") != NULL,
       "a host that is gone: %s", text);
    all_wait(seen, 61);
    ok(judged(seen, 1, &l, text, sizeof text) == 0 &&
           strcmp(
               text,
               "all 8 ranks that are known wait inside collective #11 (sum over ranks): the network or a GPU "
               "hangs") == 0,
       "all inside: %s", text);
    for (int r = 0; r < RANKS; r++)
        snprintf(seen[r].card, sizeof seen[r].card, "no Xid");
    snprintf(seen[5].gpu, sizeof seen[5].gpu, "GPU-5");
    seen[5].card_s = 20;
    ok(judged(seen, 1, &l, text, sizeof text) == 0 &&
           strstr(
               text,
               "GPU hangs; GPU of rank 5 on node1 (GPU-5): no Xid (so 20 s ago, and nothing since); GPU of rank "
               "0 on node0: no Xid; GPU of rank 1") != NULL &&
           !rt_verdict_broken(seen, RANKS),
       "all inside: what the GPUs say, one that says nothing any more first: %s", text);
    late(&seen[6], RT_PHASE_DATA, 65);
    snprintf(seen[2].card, sizeof seen[2].card, "Xid 79: gone");
    seen[2].card_state = RT_CARD_BROKEN;
    ok(judged(seen, 1, &l, text, sizeof text) == 1 && strstr(text, "rank 6 on node1") == text &&
           strstr(text, "; GPU of rank 2 on node0: Xid 79: gone; GPU of rank 5") != NULL &&
           strstr(text, "rank 0") == NULL && rt_verdict_broken(seen, RANKS),
       "one hangs: what the GPUs say that are odd: %s", text);
    all_wait(seen, 61);
    for (int r = A_HOST; r < RANKS; r++)
        seen[r].rank = -1;
    ok(judged(seen, 1, &l, text, sizeof text) == 0 &&
           strstr(text, "of 4 ranks on other hosts nothing is known") != NULL,
       "a folder that hosts do not share: %s", text);
    all_wait(seen, 61);
    for (int r = 1; r < RANKS; r++)
        late(&seen[r], RT_PHASE_FORWARD, 70);
    ok(judged(seen, 0, &l, text, sizeof text) == 7 && strstr(text, "; and 3 ranks more") != NULL,
       "more than fit are counted: %s", text);
    char shorter[100];
    judged(seen, 0, &l, shorter, sizeof shorter);
    ok(strlen(shorter) < sizeof shorter && strncmp(text, shorter, strlen(shorter)) == 0,
       "and a text that does not fit is cut");
}

/* Two hosts of two ranks, in one process. */
static void host(struct rt_board *b, struct rt_board_line *line, int first)
{
    for (int i = 0; i < 2; i++) {
        line[i].rank = first + i;
        line[i].pid = (int)getpid();
        line[i].since_ns = rt_board_now_ns();
        line[i].sample = -1;
        snprintf(line[i].host, sizeof line[i].host, "h%d", first);
    }
    *b = (struct rt_board){ .line = line, .mine = line, .lines = 2, .window = MPI_WIN_NULL };
}

static void test_files(void)
{
    static struct rt_board_line line[4];
    struct rt_board a, b;
    struct rt_heartbeat ha, hb;
    char folder[] = "/tmp/rt-verdict-XXXXXX", path[100], command[200];
    if (!ok(mkdtemp(folder) != NULL, "a folder"))
        return;
    host(&a, line, 0);
    host(&b, line + 2, 2);
    snprintf(path, sizeof path, "%s/hb", folder);
    ok(rt_heartbeat_prepare(folder, NULL) == RT_OK && access(path, W_OK) == 0, "hb/ is made");
    ok(rt_heartbeat_open(&ha, folder, &a, 4, NULL) == RT_OK &&
           rt_heartbeat_open(&hb, folder, &b, 4, NULL) == RT_OK,
       "two hosts");
    b.mine = &line[3];
    rt_board_phase(&b, RT_PHASE_DATA, 7);
    rt_board_at(&b, 2, 4711);
    for (int i = 0; i < 300; i++)
        rt_board_enter(&b, "sum over ranks", 8);
    rt_board_inside(&b, true);
    snprintf(b.mine->gpu, sizeof b.mine->gpu, "GPU-77");
    rt_board_card(&b, "no Xid, SM 9 of 10 MHz", RT_CARD_SOUND);
    rt_board_card(&b, "Xid 48: memory | card", RT_CARD_BROKEN);
    rt_heartbeat_write(&ha);
    rt_heartbeat_write(&hb);
    rt_heartbeat_read(&ha);
    const struct rt_seen *s = &ha.seen[3];
    ok(s->rank == 3 && s->pid == (int)getpid() && s->phase == RT_PHASE_DATA && s->step == 7 && s->micro == 2 &&
           s->sample == 4711 && s->entered == 300 && s->completed == 0 && s->inside && s->state == 'R',
       "what one host writes the other reads");
    ok(strcmp(s->host, "h2") == 0 && strcmp(s->gpu, "GPU-77") == 0 && strcmp(s->op, "sum over ranks") == 0,
       "and its names");
    ok(strcmp(s->card, "Xid 48: memory | card") == 0 && s->card_state == RT_CARD_BROKEN && s->card_s < 0.2 &&
           ha.seen[2].card[0] == '\0',
       "and what its GPU said last: %s", s->card);
    ok(ha.seen[0].rank == 0 && ha.seen[1].rank == 1 && ha.seen[2].gpu[0] == '\0', "the others too");
    ok(s->unheard_s < 0.2, "just heard of: %.2f s", s->unheard_s);
    usleep(300000);
    rt_heartbeat_write(&ha);
    rt_heartbeat_read(&ha);
    ok(s->unheard_s >= 0.29 && s->silent_s >= 0.29 && ha.seen[0].unheard_s == 0,
       "a host that does not renew its file was not heard of for %.2f s >= 0.29", s->unheard_s);
    rt_heartbeat_write(&hb);
    rt_heartbeat_read(&ha);
    ok(s->unheard_s < 0.2, "until it does: %.2f s", s->unheard_s);
    ok(rt_heartbeat_claim(&hb) && !rt_heartbeat_claim(&ha), "one of them gives the verdict");
    rt_heartbeat_leave(&hb, "rank 9 did it");
    snprintf(command, sizeof command,
             "test $(wc -l < %s/diag/rank-3.jsonl) -eq 256 && grep -q 'rank 9' %s/hb/verdict", folder, folder);
    ok(system(command) == 0, "the last 256 operations and the verdict are left");
    rt_heartbeat_close(&ha);
    rt_heartbeat_close(&hb);
    ok(rt_heartbeat_prepare(folder, NULL) == RT_OK && access(path, W_OK) == 0, "the next run");
    snprintf(command, sizeof command, "test -z \"$(ls %s/hb)\"", folder);
    ok(system(command) == 0, "begins without what the last one left");
    snprintf(command, sizeof command, "rm -r %s", folder);
    ok(system(command) == 0, "cleared away");
}

int main(void)
{
    test_limits();
    test_due();
    test_names();
    test_files();
    return tap_done();
}
