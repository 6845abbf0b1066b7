/* build.h - which build of the program this is. */
#ifndef RT_BASE_BUILD_H
#define RT_BASE_BUILD_H

/* "ranktune 0.1.0 (gcc 12.2.0; CFLAGS -O2 -g; MPI ...; CUDA ...)": version, compiler and what configure found.
 */
const char *rt_build_text(void);

#endif
