/* build.c - which build of the program this is. */
#include "config.h"
#include "base/build.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

const char *rt_build_text(void)
{
    return "ranktune " PACKAGE_VERSION " (" COMPILER "; " RT_BUILD ")";
}
