# RT_CHECK_CUDA - NVCC, CUDA_CPPFLAGS, CUDA_LIBS and the conditional HAVE_CUDA.
# --with-cuda=DIR takes DIR/bin/nvcc and nothing else; --with-cuda makes CUDA a must; --without-cuda builds without.
# Unasked: nvcc from the PATH or /usr/local/cuda; where that does not lead to a working CUDA, the summary says why.
# The runtime is linked statically and the driver and cuBLAS are opened when an exec is: the program starts anywhere.
AC_DEFUN([RT_CHECK_CUDA], [
    AC_ARG_WITH([cuda],
        [AS_HELP_STRING([--with-cuda@<:@=DIR@:>@], [build the CUDA operations (DIR/bin/nvcc); default: if found])],
        [], [with_cuda=check])
    AC_ARG_VAR([NVCC], [CUDA compiler])
    AC_ARG_VAR([NVCCFLAGS], [CUDA compiler flags])
    AC_ARG_VAR([NVCC_GENCODE], [GPUs to compile for, as nvcc's -gencode flags])
    : ${NVCCFLAGS="-O3"}
    : ${NVCC_GENCODE="-gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a -gencode arch=compute_100,code=sm_100 -gencode arch=compute_100,code=compute_100"}
    rt_cuda_missing=
    AS_CASE([$with_cuda],
        [no], [rt_cuda_missing="switched off"],
        [yes|check], [AC_PATH_PROG([NVCC], [nvcc], [], [$PATH$PATH_SEPARATOR/usr/local/cuda/bin])],
        [NVCC=$with_cuda/bin/nvcc])
    AS_IF([test -z "$rt_cuda_missing" && test ! -x "$NVCC"],
        [AS_CASE([$with_cuda], [yes|check], [rt_cuda_missing="no nvcc"], [rt_cuda_missing="$NVCC is not there"])])
    AS_IF([test -z "$rt_cuda_missing"], [RT_CUDA_TRY])
    AS_IF([test -z "$rt_cuda_missing"],
        [rt_cuda_found="$NVCC `$NVCC --version | sed -n 's/.*release \(@<:@0-9.@:>@*\).*/\1/p'`"
         AC_DEFINE_UNQUOTED([RT_CUDA_LIBDIR], ["$rt_cuda_lib"], [where cuBLAS is looked for after the loader's own folders])],
        [AS_CASE([$with_cuda],
            [no|check], [rt_cuda_found="no ($rt_cuda_missing)"],
            [AC_MSG_ERROR([--with-cuda=$with_cuda: $rt_cuda_missing])])])
    AC_SUBST([CUDA_CPPFLAGS])
    AC_SUBST([CUDA_LIBS])
    AM_CONDITIONAL([HAVE_CUDA], [test -z "$rt_cuda_missing"])
])

# Finds the folders that belong to $NVCC and tries a kernel and a link; what is wrong goes to rt_cuda_missing.
AC_DEFUN([RT_CUDA_TRY], [
    rt_cuda_dir=`readlink -f "$NVCC"`
    rt_cuda_dir=`AS_DIRNAME(["$rt_cuda_dir"])`
    rt_cuda_dir=`AS_DIRNAME(["$rt_cuda_dir"])`
    rt_cuda_lib=
    for rt_dir in "$rt_cuda_dir/lib64" "$rt_cuda_dir/lib" "$rt_cuda_dir/lib/x86_64-linux-gnu"; do
        AS_IF([test -z "$rt_cuda_lib" && test -f "$rt_dir/libcudart_static.a"], [rt_cuda_lib=$rt_dir])
    done
    CUDA_CPPFLAGS="-isystem $rt_cuda_dir/include"
    CUDA_LIBS="-L$rt_cuda_lib -lcudart_static -lrt -lpthread -ldl"
    AC_MSG_CHECKING([whether $NVCC compiles for the GPUs asked for])
    cat >conftest.cu <<'END'
__global__ void nothing(void) {}
int main(void) { nothing<<<1, 1>>>(); return cudaGetLastError(); }
END
    AS_IF([AC_TRY_COMMAND([$NVCC -std=c++20 $NVCC_GENCODE -c conftest.cu -o conftest.o >&AS_MESSAGE_LOG_FD])],
        [AC_MSG_RESULT([yes])],
        [AC_MSG_RESULT([no])
         rt_cuda_missing="$NVCC does not compile: see config.log; CUDA 12.8 or later is needed, or set NVCC_GENCODE"])
    rm -f conftest.cu conftest.o
    rt_save_CPPFLAGS=$CPPFLAGS rt_save_LIBS=$LIBS
    CPPFLAGS="$CPPFLAGS $CUDA_CPPFLAGS" LIBS="$CUDA_LIBS $LIBS"
    AS_IF([test -z "$rt_cuda_missing"],
        [AC_MSG_CHECKING([for the CUDA runtime and the header of cuBLASLt])
         AC_LINK_IFELSE([AC_LANG_PROGRAM([[#include <cuda_runtime_api.h>
#include <cublasLt.h>]], [[int n; return cudaGetDeviceCount(&n);]])],
            [AC_MSG_RESULT([yes])],
            [AC_MSG_RESULT([no])
             rt_cuda_missing="no CUDA runtime or no cublasLt.h beside $NVCC: see config.log"])])
    CPPFLAGS=$rt_save_CPPFLAGS LIBS=$rt_save_LIBS
])
