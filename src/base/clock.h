/* clock.h - time: durations from the monotonic clock, wall time only for stamps. */
#ifndef RT_BASE_CLOCK_H
#define RT_BASE_CLOCK_H

double rt_now_s(void);  /* monotonic seconds; only differences mean something */
double rt_wall_s(void); /* seconds since 1970 */

#endif
