# RT_CHECK_CPU_LEVELS - whether the CPU operations are compiled again for x86-64 processors with AVX2 and with AVX-512, and
# the program takes the best at run time: the conditional HAVE_CPU_LEVELS.
AC_DEFUN([RT_CHECK_CPU_LEVELS], [
    AC_CACHE_CHECK([whether $CC makes code for several x86-64 levels], [rt_cv_cpu_levels], [
        rt_cflags=$CFLAGS
        rt_cv_cpu_levels=yes
        for rt_level in x86-64-v3 x86-64-v4; do
            CFLAGS="$rt_cflags -march=$rt_level"
            AC_LINK_IFELSE([AC_LANG_PROGRAM([], [return !__builtin_cpu_supports("$rt_level");])], [],
                [rt_cv_cpu_levels=no])
        done
        CFLAGS=$rt_cflags
    ])
    AM_CONDITIONAL([HAVE_CPU_LEVELS], [test "x$rt_cv_cpu_levels" = xyes])
])
