# RT_CHECK_NCCL - NCCL_CPPFLAGS and the conditional HAVE_NCCL; after RT_CHECK_CUDA, since nccl.h needs CUDA's headers.
# --with-nccl=DIR takes DIR/include/nccl.h and nothing else; --with-nccl makes NCCL a must; --without-nccl builds without.
# Unasked: nccl.h beside CUDA's headers or where the compiler looks; where there is none, the summary says so.
# The library (libnccl.so.2) is opened when a job on several GPUs starts: the program runs on machines without it.
AC_DEFUN([RT_CHECK_NCCL], [
    AC_ARG_WITH([nccl],
        [AS_HELP_STRING([--with-nccl@<:@=DIR@:>@], [sum over GPUs by NCCL (DIR/include/nccl.h); default: if found])],
        [], [with_nccl=check])
    NCCL_CPPFLAGS= rt_nccl_missing= rt_nccl_lib=
    AS_CASE([$with_nccl],
        [no], [rt_nccl_missing="switched off"],
        [yes|check], [AS_IF([test -n "$rt_cuda_missing"], [rt_nccl_missing="no CUDA"])],
        [AS_IF([test ! -f "$with_nccl/include/nccl.h"], [rt_nccl_missing="$with_nccl/include/nccl.h is not there"],
            [test -n "$rt_cuda_missing"], [rt_nccl_missing="it needs CUDA: $rt_cuda_missing"])
         NCCL_CPPFLAGS="-isystem $with_nccl/include"])
    AS_IF([test -z "$rt_nccl_missing"], [
        rt_save_CPPFLAGS=$CPPFLAGS
        CPPFLAGS="$CPPFLAGS $NCCL_CPPFLAGS $CUDA_CPPFLAGS"
        AC_MSG_CHECKING([for nccl.h of NCCL 2.14 or later])
        AC_COMPILE_IFELSE([AC_LANG_PROGRAM([[#include <nccl.h>
#if NCCL_VERSION_CODE < 21400
#error too old
#endif]], [[ncclConfig_t config = NCCL_CONFIG_INITIALIZER; return config.blocking;]])],
            [AC_MSG_RESULT([yes])],
            [AC_MSG_RESULT([no])
             rt_nccl_missing="no nccl.h of NCCL 2.14 or later: see config.log"])
        CPPFLAGS=$rt_save_CPPFLAGS])
    AS_IF([test -z "$rt_nccl_missing"], [
        rt_nccl_dirs="$rt_cuda_lib /usr/lib/x86_64-linux-gnu /usr/lib64 /usr/lib"
        AS_CASE([$with_nccl], [yes|check], [], [rt_nccl_dirs="$with_nccl/lib $with_nccl/lib64 $with_nccl/lib/x86_64-linux-gnu"])
        for rt_dir in $rt_nccl_dirs; do
            AS_IF([test -z "$rt_nccl_lib" && test -e "$rt_dir/libnccl.so.2"], [rt_nccl_lib=$rt_dir])
        done
        rt_nccl_found="header found; libnccl.so.2 is opened at run time${rt_nccl_lib:+, $rt_nccl_lib after the loader's own folders}"
        AS_CASE([$with_nccl], [yes|check], [: ${rt_nccl_lib:=$rt_cuda_lib}], [: ${rt_nccl_lib:=$with_nccl/lib}])
        AC_DEFINE_UNQUOTED([RT_NCCL_LIBDIR], ["$rt_nccl_lib"], [where NCCL is looked for after the loader's own folders])],
        [AS_CASE([$with_nccl],
            [no|check], [rt_nccl_found="no ($rt_nccl_missing)"],
            [AC_MSG_ERROR([--with-nccl=$with_nccl: $rt_nccl_missing])])])
    AC_SUBST([NCCL_CPPFLAGS])
    AM_CONDITIONAL([HAVE_NCCL], [test -z "$rt_nccl_missing"])
])
