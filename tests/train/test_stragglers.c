/* tests/train/test_stragglers.c - who is slow, and how a run is started again. */
#include "config.h"
#include "tap.h"
#include "train/command.h"
#include "train/stragglers.h"

#include <string.h>

static void try_judge(void)
{
    int streak[5] = { 0 }, told = 0, wrong = 0;
    bool slow[5];
    double median = 0;
    const double even[5] = { 1, 1.1, 1.4, 0.9, 1 }, late[5] = { 1, 1.1, 1.6, 0.9, 1 };
    for (int i = 0; i < 3; i++)
        told += rt_stragglers_judge(even, 5, streak, slow, &median);
    ok(told == 0 && median == 1, "1.4 times the median %g is borne", median);
    for (int i = 1; i <= 10; i++) {
        const bool some = rt_stragglers_judge(late, 5, streak, slow, &median);
        wrong += some != (i == 3 || i == 9) || (some && (!slow[2] || slow[0]));
        told += some;
    }
    ok(told == 2 && wrong == 0 && streak[2] == 10,
       "1.6 times is said after 3 and after 9 reports, and of whom");
    rt_stragglers_judge(even, 5, streak, slow, &median);
    rt_stragglers_judge(late, 5, streak, slow, &median);
    ok(streak[2] == 1, "a report in between begins anew");
    const double two[2] = { 1, 3 };
    int pair[2] = { 0 };
    for (int i = 0; i < 3; i++)
        rt_stragglers_judge(two, 2, pair, slow, &median);
    ok(median == 2 && slow[1] && !slow[0], "two ranks have their mean for a median: %g", median);
}

static void try_command(void)
{
    static const char words[] = "mpirun\0-np\0"
                                "2\0/a b/ranktune\0train\0it's.yaml\0\0x=$y";
    char *line = rt_command_quote(words, sizeof words);
    ok(line != NULL && strcmp(line, "mpirun -np 2 '/a b/ranktune' train 'it'\\''s.yaml' '' 'x=$y'") == 0,
       "words that a shell takes for the same: %s", line);
    free(line);
    line = rt_command_again(1, false, false);
    ok(line != NULL && strstr(line, "test_stragglers") != NULL && strstr(line, "resume") == NULL,
       "this one: %s", line);
    free(line);
    line = rt_command_again(3, true, true);
    ok(line != NULL && strstr(line, " --resume_from_checkpoint true") != NULL, "one that would start anew: %s",
       line);
    free(line);
}

int main(void)
{
    try_judge();
    try_command();
    return tap_done();
}
