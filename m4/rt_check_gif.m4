# RT_CHECK_GIF - giflib, which has no pkg-config file: GIF_LIBS.
AC_DEFUN([RT_CHECK_GIF], [
    AC_CHECK_HEADER([gif_lib.h], [], [AC_MSG_ERROR([giflib not found: install libgif-dev])])
    AC_CHECK_LIB([gif], [DGifOpen], [GIF_LIBS=-lgif], [AC_MSG_ERROR([giflib does not link])])
    AC_SUBST([GIF_LIBS])
])
