/*
 * status.h - how a failure travels: a code that is returned and a text that is kept until main.c prints it.
 *
 * The first to notice calls rt_fail(), callers pass the code on and print nothing. One table, in status.c,
 * maps codes to the exit codes that batch systems see.
 */
#ifndef RT_BASE_STATUS_H
#define RT_BASE_STATUS_H

typedef enum {
    RT_OK = 0,
    RT_ERR_INTERNAL, /* 70: a broken promise inside the program */
    RT_ERR_USAGE,    /* 64: bad command line */
    RT_ERR_JOB,      /* 78: bad key or value in a job file or dataset_info.json */
    RT_ERR_DATA,     /* 65: more bad rows than the job bears */
    RT_ERR_FILE,     /* 66: a model, tokenizer, data set or checkpoint file is missing or corrupt */
    RT_ERR_MEMORY,   /* 71: host or device memory */
    RT_ERR_OUTPUT,   /* 73: output folder not writable, locked, or would be overwritten */
    RT_ERR_IO,       /* 74: a read or write failed (ENOSPC, EIO, ...) */
    RT_ERR_DEVICE,   /* 69: no usable GPU, or ranks that disagree */
    RT_ERR_COMM,     /* 76: a rank, node or network was lost */
    RT_ERR_NUMBERS,  /* 79: loss or gradient is not finite */
    RT_ERR_HARDWARE, /* 80: hardware fault seen */
    RT_STOPPED       /* 75: stopped early with a good checkpoint */
} rt_status;

struct rt_error {
    rt_status status;
    int exit_code;   /* 0: what rt_exit_code says of status; else what the job asks for in its place */
    int lasting;     /* 1: to try again cannot help */
    char text[2048]; /* one message in the user's words; no newline at its end */
};

/* Keep the text and return the code. err may be NULL: then only the code travels. */
rt_status rt_fail(struct rt_error *err, rt_status code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "prefix" in front of the text already kept, e.g. a file name; returns the code kept. */
rt_status rt_fail_in(struct rt_error *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The exit code of spec: 0, 64, 65, ... */
int rt_exit_code(rt_status status);

#define RT_TRY(call)                                                                                           \
    do {                                                                                                       \
        rt_status rt_try_st_ = (call);                                                                         \
        if (rt_try_st_ != RT_OK)                                                                               \
            return rt_try_st_;                                                                                 \
    } while (0)

#define RT_TRY_TO(st, call, label)                                                                             \
    do {                                                                                                       \
        (st) = (call);                                                                                         \
        if ((st) != RT_OK)                                                                                     \
            goto label;                                                                                        \
    } while (0)

#endif
