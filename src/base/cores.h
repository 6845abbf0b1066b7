/* cores.h - how many of the machine's cores this process may use. */
#ifndef RT_BASE_CORES_H
#define RT_BASE_CORES_H

int rt_cores(void); /* of the mask that launcher and batch system gave; at least 1 */

#endif
