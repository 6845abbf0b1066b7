/* hydra.c - an exit code that MPICH's mpiexec would lose. */
#include "config.h"
#include "dist/world.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/*
 * Hydra before 4.1 marks a process as ended by itself, with 0, once it has sent it any signal, and keeps to
 * that unless it finds the process ended while something still comes from it. (4.0.2 and 4.0.3
 * do, 4.1.3, 4.2.3, 4.3.2 and 5.0.2 do not; pmodels/mpich pull request 5930.) HYDI_CONTROL_FD: Hydra has
 * started this process, and not srun.
 */
static bool loses_codes(void)
{
    char text[MPI_MAX_LIBRARY_VERSION_STRING] = "";
    int length = 0, major = 0, minor = 0;
    MPI_Get_library_version(text, &length);
    return getenv("HYDI_CONTROL_FD") != NULL && sscanf(text, "MPICH Version: %d.%d", &major, &minor) == 2 &&
           (major < 4 || (major == 4 && minor == 0));
}

static void nap(long ms)
{
    struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0) /* a signal ends it */
        ;
}

/* This process ends with the code; a second later a child says so through the pipe that both share: what Hydra
 * reads, and then looks who has ended. The child stays for another second, as an end of the pipe at the same
 * time would be taken for that of all. */
static void exit_heard(int exit_code)
{
    char line[64];
    const int bytes = snprintf(line, sizeof line, "exit code %d\n", exit_code);
    fflush(NULL);
    const pid_t child = fork();
    if (child != 0)
        _exit(exit_code);
    nap(1000);
    const ssize_t wrote = write(STDERR_FILENO, line, (size_t)bytes);
    nap(1000);
    _exit(wrote < 0); /* nobody asks */
}

void rt_dist_close_signalled(struct rt_dist *dist, int exit_code)
{
    const bool lost = exit_code != 0 && dist->rank == 0 && loses_codes();
    rt_dist_close(dist);
    if (!lost)
        return;
    nap(1000); /* all others have ended first */
    exit_heard(exit_code);
}
