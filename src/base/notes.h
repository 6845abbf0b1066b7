/* notes.h - whom a long call tells how far it has come and what it noticed. */
#ifndef RT_BASE_NOTES_H
#define RT_BASE_NOTES_H

#include <stddef.h>
#include <stdint.h>

/* NULL, or a function that is: nobody wants to know. */
struct rt_notes {
    void (*progress)(const char *what, int64_t done, int64_t total, void *context);
    void (*note)(const char *text, void *context); /* a line without its newline */
    void *context;
};

static inline void rt_tell(const struct rt_notes *notes, const char *text)
{
    if (notes != NULL && notes->note != NULL)
        notes->note(text, notes->context);
}

static inline void rt_tell_progress(const struct rt_notes *notes, const char *what, int64_t done, int64_t total)
{
    if (notes != NULL && notes->progress != NULL)
        notes->progress(what, done, total, notes->context);
}

#endif
