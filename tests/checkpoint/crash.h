/*
 * crash.h - a log of what the save path asks of the file system, and what a power failure may leave of it.
 *
 * The log is of nodes (files and folders) below one root, which itself is on the disk. A name belongs to its
 * folder, bytes belong to their file: fsync of a file makes its bytes safe and not its name, fsync of a folder
 * the names in it and not its own.
 */
#ifndef RT_TESTS_CHECKPOINT_CRASH_H
#define RT_TESTS_CHECKPOINT_CRASH_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { NODES_MAX = 1024, EVENTS_MAX = 4096, NAME_CHARS = 80, SAVES = 6, LOG_BYTES = 8 << 20 };

enum event_kind {
    EVENT_MAKE,   /* node, a new one, gets name in folder */
    EVENT_RENAME, /* node, called name in folder, is called to */
    EVENT_DROP,   /* node loses name in folder */
    EVENT_WRITE,  /* bytes at data go to offset at of node */
    EVENT_SYNC,   /* of node */
    EVENT_REPORT  /* a save was called good: number node */
};

struct event {
    enum event_kind kind;
    int node, folder;
    char name[NAME_CHARS], to[NAME_CHARS];
    size_t at, bytes, data;
};

struct node {
    bool is_folder, gone;
    int folder; /* where it stands now */
    char name[NAME_CHARS];
    size_t end; /* of what was written */
};

enum fault { FAULT_NONE, FAULT_KILL, FAULT_FAIL };

/* In memory that a child process shares, so that a killed one leaves its part. */
struct log {
    enum fault fault;
    bool narrow;  /* only calls for names in the output folder count, for its sync and for files right in it */
    int calls;    /* seen so far that count */
    int at, then; /* the calls to act on, by number; 0: none */
    int struck;   /* events before the last one acted on; 0: none yet */
    int code;     /* errno of a call that fails */
    int saves;    /* begun so far */
    int64_t step[SAVES];
    int nodes, events;
    size_t bytes;
    struct node node[NODES_MAX];
    struct event event[EVENTS_MAX];
    char data[LOG_BYTES];
};

enum { ROOT = 0, OUTPUT = 1, KILLED = 9 }; /* the output folder is the first one made in root */

/* crash_record.c: every call of this process below root goes into log, until log is NULL; armed, the calls
 * log->at and log->then are its last or fail. */
void record(struct log *log, const char *root);
void record_arm(void);
void record_report(int save);

/* crash_replay.c: folder, made here, as the first `events` of the log may have left root; *seed decides what
 * is lost. Without a seed all stands. */
void replay(const struct log *log, int events, uint64_t *seed, const char *folder);

/* crash_history.c */
enum { SAVED_FILES = 3 };
extern const char *const saved_names[SAVED_FILES]; /* of the files of a checkpoint, beside the manifest */

struct history {
    struct log *log;
    int number;
    int calls[2]; /* of a history with no fault: all, and those that count when they are narrowed */
    int64_t limit;
    char *root, *output; /* output stands in root */
};

/* A history in processes of its own, into h->log; root is gone afterwards. Numbers 0 and 1 have no fault. Gives
 * up where a replay of the whole log is not, byte for byte, the folder that stood there. */
void make_history(struct history *h, uint64_t *seed);
/* The files of save number `save`, whose bytes depend on that alone; and as checkpoint-STEP of output. */
rt_status fill(const char *folder, int save);
rt_status save_as(const char *output, int64_t step, int save, int64_t limit);

#endif
