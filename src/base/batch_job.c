/* batch_job.c - which job of a batch system this is, and whether another one still runs. */
#include "config.h"
#include "base/batch_job.h"
#include "base/command.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const double ask_s = 10;

/* Grid Engine's JOB_ID alone could be anybody's. */
static const struct system {
    const char *name, *id, *attempt, *beside;
} systems[] = {
    { "slurm", "SLURM_JOB_ID", "SLURM_RESTART_COUNT", NULL },
    { "pbs", "PBS_JOBID", NULL, NULL },
    { "lsf", "LSB_JOBID", NULL, NULL },
    { "flux", "FLUX_JOB_ID", NULL, NULL },
    { "sge", "JOB_ID", NULL, "SGE_TASK_ID" },
};

static const char *variable(const char *name)
{
    const char *value = name == NULL ? NULL : getenv(name);
    return value == NULL ? "" : value;
}

struct rt_batch_job rt_batch_job(void)
{
    struct rt_batch_job job = { .system = "" };
    for (size_t i = 0; i < sizeof systems / sizeof *systems && job.system[0] == '\0'; i++) {
        const struct system *s = &systems[i];
        if (*variable(s->id) == '\0' || (s->beside != NULL && *variable(s->beside) == '\0'))
            continue;
        snprintf(job.system, sizeof job.system, "%s", s->name);
        snprintf(job.id, sizeof job.id, "%s", variable(s->id));
        snprintf(job.attempt, sizeof job.attempt, "%s", variable(s->attempt));
    }
    return job;
}

/* Is the first word of text one of words ("A|B")? */
static bool first_word_among(const char *text, const char *words)
{
    const size_t n = strcspn(text, " \t\r\n");
    for (const char *at = words; n > 0 && at != NULL; at = strchr(at, '|')) {
        at += *at == '|';
        if (strncmp(at, text, n) == 0 && (at[n] == '|' || at[n] == '\0'))
            return true;
    }
    return false;
}

static bool slurm_gone(const char *id)
{
    char text[1024];
    const char *const argv[] = { "squeue", "-h", "-j", id, "-o", "%T", NULL };
    const int code = rt_command(argv, ask_s, text, sizeof text);
    if (code == 0)
        return text[0] == '\0' ||
               first_word_among(text,
                                "PENDING|CANCELLED|COMPLETED|FAILED|TIMEOUT|NODE_FAIL|PREEMPTED|OUT_OF_MEMORY|"
                                "BOOT_FAIL|DEADLINE|REQUEUED|REVOKED");
    return code > 0 && strstr(text, "Invalid job id") != NULL;
}

static bool pbs_gone(const char *id)
{
    char text[8192];
    const char *const argv[] = { "qstat", "-f", id, NULL };
    const int code = rt_command(argv, ask_s, text, sizeof text);
    const char *state = strstr(text, "job_state = ");
    if (code == 0)
        return state != NULL && strchr("QHWFCX", state[strlen("job_state = ")]) != NULL;
    return code > 0 && (strstr(text, "Unknown Job") != NULL || strstr(text, "has finished") != NULL);
}

static bool lsf_gone(const char *id)
{
    char text[1024];
    const char *const argv[] = { "bjobs", "-noheader", "-o", "stat", id, NULL };
    const int code = rt_command(argv, ask_s, text, sizeof text);
    if (code == 0 && first_word_among(text, "PEND|PSUSP|WAIT|DONE|EXIT|ZOMBI"))
        return true;
    return code >= 0 && strstr(text, "is not found") != NULL;
}

bool rt_batch_job_again(const struct rt_batch_job *job)
{
    const struct rt_batch_job mine = rt_batch_job();
    return mine.system[0] != '\0' && mine.attempt[0] == '\0' && strcmp(job->system, mine.system) == 0 &&
           strcmp(job->id, mine.id) == 0;
}

bool rt_batch_job_gone(const struct rt_batch_job *job)
{
    const struct rt_batch_job mine = rt_batch_job();
    if (job->system[0] == '\0')
        return false;
    if (strcmp(job->system, mine.system) == 0 &&
        strcmp(job->id, mine.id) == 0) /* requeued: there is one at a time */
        return strcmp(job->attempt, mine.attempt) != 0;
    if (strcmp(job->system, "slurm") == 0)
        return slurm_gone(job->id);
    if (strcmp(job->system, "lsf") == 0)
        return lsf_gone(job->id);
    return strcmp(job->system, "pbs") == 0 && pbs_gone(job->id);
}

const char *rt_batch_name(char text[RT_BATCH_ID_CHARS])
{
    const struct rt_batch_job job = rt_batch_job();
    if (job.id[0] == '\0')
        snprintf(text, RT_BATCH_ID_CHARS, "%ld", (long)getpid());
    else
        snprintf(text, RT_BATCH_ID_CHARS, "%s", job.id);
    for (char *c = text; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c))
            *c = '_';
    return text;
}
