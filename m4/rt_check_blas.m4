# RT_CHECK_BLAS - OpenBLAS with its CBLAS header: BLAS_CFLAGS and BLAS_LIBS.
AC_DEFUN([RT_CHECK_BLAS], [
    PKG_CHECK_MODULES([BLAS], [openblas], [rt_blas_found="OpenBLAS `$PKG_CONFIG --modversion openblas`"],
        [AC_MSG_ERROR([OpenBLAS not found: install libopenblas-dev])])
])
