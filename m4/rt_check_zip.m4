# RT_CHECK_ZIP - libzip, which opens what torch.save wrote: ZIP_CFLAGS and ZIP_LIBS.
AC_DEFUN([RT_CHECK_ZIP], [
    PKG_CHECK_MODULES([ZIP], [libzip >= 1.5], [],
        [AC_MSG_ERROR([libzip 1.5 or newer not found: install libzip-dev])])
])
