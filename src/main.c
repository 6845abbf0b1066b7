/* main.c - arguments, MPI start and end, the exit code; nothing else. */
#include "config.h"
#include "base/build.h"
#include "base/signals.h"
#include "base/status.h"
#include "dist/dist.h"
#include "tools/tools.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The one global: what the run was asked, by signal. */
static volatile sig_atomic_t stop[RT_SIGNALS];

static const int numbers[RT_SIGNALS] = {
    [RT_SIGNAL_INT] = SIGINT,   [RT_SIGNAL_TERM] = SIGTERM, [RT_SIGNAL_USR1] = SIGUSR1,
    [RT_SIGNAL_USR2] = SIGUSR2, [RT_SIGNAL_XCPU] = SIGXCPU,
};

/* It counts, and nothing else; the third time that a person asks, it ends the process. */
static void ask_to_stop(int number)
{
    for (int i = RT_SIGNAL_INT; i < RT_SIGNALS; i++)
        stop[i] += numbers[i] == number;
    stop[RT_SIGNAL_ANY]++;
    if (stop[RT_SIGNAL_INT] + stop[RT_SIGNAL_TERM] >= 3 && (number == SIGINT || number == SIGTERM))
        _exit(128 + number);
}

/* All others wait while one is counted. SIGCONT alone means nothing: its default does nothing. */
static void catch_signals(void)
{
    struct sigaction action = { .sa_handler = ask_to_stop, .sa_flags = SA_RESTART };
    sigfillset(&action.sa_mask);
    for (int i = RT_SIGNAL_INT; i < RT_SIGNALS; i++)
        sigaction(numbers[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a write beyond the limit fails and is told as a full disk is */
}

static const struct command {
    const char *name, *arguments, *does;
    rt_tool_fn *alone;          /* needs no MPI */
    rt_job_tool_fn *together;   /* runs on all ranks */
    rt_stop_tool_fn *stoppable; /* needs no MPI, and ends well when asked to */
} commands[] = {
    { "train", "JOB.yaml [key=value ...] | --key value ...", "train and evaluate as the job says", NULL,
      rt_tool_train, NULL },
    { "preview", "JOB.yaml [--json] [--ranks W --rank R] [--micros N]", "show what the model will see", NULL,
      rt_tool_preview, NULL },
    { "check", "JOB.yaml [--json] [--gpu-gib N] [key=value ...]",
      "look at hosts, links, data and disk before the job runs", NULL, rt_tool_check, NULL },
    { "tokenize", "--model DIR < strings", "JSON strings in, one a line; JSON arrays of ids out",
      rt_tool_tokenize, NULL, NULL },
    { "init", "PRESET DIR --tokenizer DIR | --corpus FILE ...", "make a random model folder for trials",
      rt_tool_init, NULL, NULL },
    { "info", "PATH", "say what a checkpoint, an adapter or a model folder holds", rt_tool_info, NULL, NULL },
    { "download", "REPO --local-dir DIR [--repo-type dataset] ...", "fetch a model or a data set from a hub",
      NULL, NULL, rt_tool_download },
};

static const struct command *find(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static void usage(FILE *out)
{
    fprintf(out, "ranktune %s - LoRA fine-tuning of Qwen-VL models as an MPI batch program\n\n",
            PACKAGE_VERSION);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        fprintf(out, "  ranktune %-8s %-55s %s\n", commands[i].name, commands[i].arguments, commands[i].does);
    fprintf(
        out,
        "\n`ranktune train --help` lists every job key. Exit codes: 0 done, 64 command line, 65 data, 66 input files,\n"
        "69 device, 70 internal, 71 memory, 73 output folder, 74 input or output, 75 stopped with a checkpoint, 76 lost\n"
        "rank, 78 job file, 79 not finite, 80 broken hardware.\n");
}

/* After the barrier and the end of MPI rank 0 alone returns the code, a second later: every launcher then
 * reports it. */
static int run_together(const struct command *command, int argc, char **argv, struct rt_error *err)
{
    struct rt_dist *dist = NULL;
    catch_signals(); /* one that comes while MPI starts must not kill */
    rt_status st = rt_dist_open(&dist, &argc, &argv, err);
    if (st != RT_OK) {
        fprintf(stderr, "ranktune: %s\n", err->text);
        return rt_exit_code(st);
    }
    catch_signals(); /* an MPI may have put its own in their place */
    st = command->together(argc - 2, argv + 2, dist, stop, err);
    if (st == RT_ERR_COMM) /* another rank is gone or silent: nothing collective works any more */
        rt_dist_abort(dist, st, err->text);
    const int rank = rt_dist_rank(dist), size = rt_dist_size(dist);
    if (st != RT_OK && rank == 0)
        fprintf(stderr, "ranktune: %s\n", err->text);
    const int code = st == RT_OK || rank != 0 ? 0 : err->exit_code > 0 ? err->exit_code : rt_exit_code(st);
    if (stop[RT_SIGNAL_ANY] > 0)
        rt_dist_close_signalled(dist, code);
    else
        rt_dist_close(dist);
    if (code == 0)
        return 0;
    for (unsigned left = size > 1 ? 1 : 0; left > 0;) /* a signal ends a sleep */
        left = sleep(left);
    return code;
}

int main(int argc, char **argv)
{
    struct rt_error err = { 0 };
    const char *name = argc > 1 ? argv[1] : "--help";
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        usage(stdout);
        return argc > 1 ? 0 : rt_exit_code(RT_ERR_USAGE);
    }
    if (strcmp(name, "--version") == 0) {
        puts(rt_build_text());
        return 0;
    }
    const struct command *command = find(name);
    if (command == NULL) {
        fprintf(stderr, "ranktune: there is no command \"%s\"; ranktune --help lists them\n", name);
        return rt_exit_code(RT_ERR_USAGE);
    }
    const bool own_help = strcmp(name, "train") == 0 || strcmp(name, "download") == 0;
    if (argc == 3 && !own_help && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)) {
        printf("ranktune %s %s\n  %s\n", command->name, command->arguments, command->does);
        return 0;
    }
    if (command->together != NULL)
        return run_together(command, argc, argv, &err);
    if (command->stoppable != NULL)
        catch_signals();
    rt_status st = command->stoppable != NULL ? command->stoppable(argc - 2, argv + 2, stop, &err)
                                              : command->alone(argc - 2, argv + 2, &err);
    if (st == RT_OK && (fflush(stdout) != 0 || ferror(stdout)))
        st = rt_fail(&err, RT_ERR_IO, "standard output: %s", strerror(errno));
    if (st != RT_OK)
        fprintf(stderr, "ranktune: %s\n", err.text);
    return rt_exit_code(st);
}
