# RT_CHECK_MPI - MPI_CFLAGS and MPI_LIBS from the compiler wrapper, whichever MPI it belongs to.
# --with-mpi=DIR takes DIR/bin/mpicc and nothing else; MPICC names a wrapper.
AC_DEFUN([RT_CHECK_MPI], [
    AC_ARG_WITH([mpi], [AS_HELP_STRING([--with-mpi=DIR], [MPI installation (DIR/bin/mpicc)])], [], [with_mpi=])
    AC_ARG_VAR([MPICC], [MPI compiler wrapper])
    AS_IF([test -n "$with_mpi" && test "x$with_mpi" != xyes],
        [MPICC=$with_mpi/bin/mpicc
         AS_IF([test -x "$MPICC"], [], [AC_MSG_ERROR([--with-mpi=$with_mpi: $MPICC is not there])])],
        [AC_CHECK_PROGS([MPICC], [mpicc])])
    AS_IF([test -n "$MPICC"], [], [AC_MSG_ERROR([mpicc not found: install libopenmpi-dev, or give --with-mpi=DIR])])
    MPI_CFLAGS= MPI_LIBS=
    for rt_word in `$MPICC -show | sed 's/^@<:@^ @:>@*//'`; do
        case $rt_word in
        -I*|-D*) MPI_CFLAGS="$MPI_CFLAGS $rt_word" ;;
        -L*|-l*|-Wl,*|-pthread) MPI_LIBS="$MPI_LIBS $rt_word" ;;
        esac
    done
    rt_save_CFLAGS=$CFLAGS rt_save_LIBS=$LIBS
    CFLAGS="$CFLAGS $MPI_CFLAGS" LIBS="$MPI_LIBS $LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <mpi.h>]], [[MPI_Init(0, 0);]])], [],
        [AC_MSG_ERROR([$MPICC does not lead to a working MPI])])
    CFLAGS=$rt_save_CFLAGS LIBS=$rt_save_LIBS
    rt_mpi_found="$MPICC"
    AC_SUBST([MPI_CFLAGS])
    AC_SUBST([MPI_LIBS])
])
