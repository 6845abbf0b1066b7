/* room.h - how much memory of this machine the process can have. */
#ifndef RT_BASE_ROOM_H
#define RT_BASE_ROOM_H

#include <stddef.h>

struct rt_room {
    size_t free_bytes; /* can still be taken now */
    size_t
        all_bytes; /* could be taken if nobody else had any: the same number every time on the same machine */
};

/* The machine's memory, or less where a control group (a container, a batch system's job) may have less. Files
 * that the kernel keeps in memory and can drop count as free. SIZE_MAX where nothing can be learned. */
struct rt_room rt_host_room(void);

/* The same, read under another root than "/": for tests. */
struct rt_room rt_host_room_under(const char *root);

#endif
