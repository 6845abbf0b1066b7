/* command.h - how a run was started: the line to type again. Private to train. */
#ifndef RT_TRAIN_COMMAND_H
#define RT_TRAIN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* Words apart by NUL, as in /proc/PID/cmdline, as a line that a shell takes for the same; malloc'ed, NULL
 * without memory. */
char *rt_command_quote(const char *words, size_t bytes);

/*
 * The line that started this process with its launcher (mpirun, mpiexec, srun, ...), where that is one of its
 * parents, else "mpirun -np RANKS" in front of its own. A job that would start anew is told to go on instead.
 * malloc'ed; NULL where it is not to be learned.
 */
char *rt_command_again(int ranks, bool anew, bool flags);

#endif
