# RT_CHECK_TIFF - libtiff, optional: without it TIFF pictures are bad rows. --with-tiff makes it a must.
AC_DEFUN([RT_CHECK_TIFF], [
    AC_ARG_WITH([tiff], [AS_HELP_STRING([--without-tiff], [do not read TIFF pictures])], [], [with_tiff=check])
    rt_tiff_found=no
    AS_IF([test "x$with_tiff" != xno],
        [PKG_CHECK_MODULES([TIFF], [libtiff-4 >= 4.5],
            [rt_tiff_found=`$PKG_CONFIG --modversion libtiff-4`
             AC_DEFINE([HAVE_TIFF], [1], [libtiff reads TIFF pictures])],
            [AS_IF([test "x$with_tiff" = xyes], [AC_MSG_ERROR([libtiff not found: install libtiff-dev])])])])
    AM_CONDITIONAL([HAVE_TIFF], [test "x$rt_tiff_found" != xno])
])
