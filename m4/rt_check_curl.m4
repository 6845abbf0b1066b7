# RT_CHECK_CURL - libcurl and libcrypto, for `ranktune download`. Optional: a machine that only trains needs neither.
# --with-curl makes it a must.
AC_DEFUN([RT_CHECK_CURL], [
    AC_ARG_WITH([curl], [AS_HELP_STRING([--without-curl], [no ranktune download])], [], [with_curl=check])
    rt_curl_found=no
    rt_curl_install="install libcurl4-openssl-dev and libssl-dev (libcurl 7.66 or newer, OpenSSL 1.1.1 or newer)"
    AS_IF([test "x$with_curl" != xno],
        [PKG_CHECK_MODULES([CURL], [libcurl >= 7.66 libcrypto >= 1.1.1],
            [rt_curl_found="libcurl `$PKG_CONFIG --modversion libcurl`, libcrypto `$PKG_CONFIG --modversion libcrypto`"
             rt_have_curl=yes],
            [AS_IF([test "x$with_curl" = xyes], [AC_MSG_ERROR([libcurl or libcrypto not found: $rt_curl_install])])
             rt_curl_found="no (for ranktune download: $rt_curl_install)"])])
    AM_CONDITIONAL([HAVE_CURL], [test "x$rt_have_curl" = xyes])
])
