# RT_CHECK_HDF5 - the serial HDF5 library: HDF5_CFLAGS and HDF5_LIBS.
AC_DEFUN([RT_CHECK_HDF5], [
    PKG_CHECK_MODULES([HDF5], [hdf5-serial], [rt_hdf5_found="`$PKG_CONFIG --modversion hdf5-serial` (serial)"],
        [PKG_CHECK_MODULES([HDF5], [hdf5], [rt_hdf5_found="`$PKG_CONFIG --modversion hdf5`"],
            [AC_MSG_ERROR([HDF5 not found: install libhdf5-dev])])])
])
