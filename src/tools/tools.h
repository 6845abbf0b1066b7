/* tools.h - the commands: arguments after the command word to a status. Output goes to stdout. */
#ifndef RT_TOOLS_TOOLS_H
#define RT_TOOLS_TOOLS_H

#include "base/status.h"

#include <signal.h>

struct rt_dist;

/* On this process alone. */
typedef rt_status rt_tool_fn(int argc, char **argv, struct rt_error *err);
/* Likewise; ends with RT_STOPPED soon after *stop is no longer 0. */
typedef rt_status rt_stop_tool_fn(int argc, char **argv, const volatile sig_atomic_t *stop,
                                  struct rt_error *err);
/* Collective. stop: [RT_SIGNALS], see base/signals.h. */
typedef rt_status rt_job_tool_fn(int argc, char **argv, struct rt_dist *dist, const volatile sig_atomic_t *stop,
                                 struct rt_error *err);

rt_job_tool_fn rt_tool_train, rt_tool_preview, rt_tool_check;
rt_tool_fn rt_tool_tokenize, rt_tool_init, rt_tool_info;
rt_stop_tool_fn rt_tool_download;

#endif
