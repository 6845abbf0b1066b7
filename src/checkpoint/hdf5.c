/* hdf5.c - the settings and the error texts that reading and writing HDF5 share. */
#include "config.h"
#include "checkpoint/hdf5.h"

#include <stdio.h>

void rt_h5_quiet_begin(struct rt_h5_quiet *quiet)
{
    quiet->report = NULL;
    quiet->context = NULL;
    (void)H5Eget_auto2(H5E_DEFAULT, &quiet->report, &quiet->context); /* cannot fail on the default stack */
    (void)H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

void rt_h5_quiet_end(const struct rt_h5_quiet *quiet)
{
    (void)H5Eset_auto2(H5E_DEFAULT, quiet->report, quiet->context);
}

static herr_t take_cause(unsigned n, const H5E_error2_t *entry, void *context)
{
    if (n == 0) /* walking up: the first is where it began */
        snprintf(context, 500, "%s", entry->desc != NULL ? entry->desc : "");
    return 0;
}

rt_status rt_h5_fail(struct rt_error *err, rt_status code, const char *path, const char *name, const char *what)
{
    char cause[500] = "";
    (void)H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, take_cause, cause);
    (void)H5Eclear2(H5E_DEFAULT);
    return rt_fail(err, code, "%.700s: %.300s%s%s%s%s", path, name != NULL ? name : "",
                   name != NULL ? ": " : "", what, cause[0] != '\0' ? ": " : "", cause);
}

rt_status rt_h5_access(hid_t *access, bool in_memory, size_t step, const char *path, struct rt_error *err)
{
    const hid_t made = H5Pcreate(H5P_FILE_ACCESS);
    /* the newest format of 1.10: its metadata carries checksums too */
    if (made < 0 || H5Pset_libver_bounds(made, H5F_LIBVER_V110, H5F_LIBVER_V110) < 0 ||
        H5Pset_file_locking(made, false, true) < 0 || (in_memory && H5Pset_fapl_core(made, step, false) < 0)) {
        const rt_status st = rt_h5_fail(err, RT_ERR_INTERNAL, path, NULL, "HDF5 refuses our settings");
        if (made >= 0)
            H5Pclose(made);
        return st;
    }
    *access = made;
    return RT_OK;
}

hid_t rt_h5_file_type(const struct rt_state_item *item)
{
    switch (item->type) {
    case RT_STATE_F32: return H5T_IEEE_F32LE;
    case RT_STATE_F64: return H5T_IEEE_F64LE;
    case RT_STATE_I64: return H5T_STD_I64LE;
    case RT_STATE_BYTES: return H5T_STD_U8LE;
    }
    return H5I_INVALID_HID;
}

hid_t rt_h5_memory_type(const struct rt_state_item *item)
{
    switch (item->type) {
    case RT_STATE_F32: return H5T_NATIVE_FLOAT;
    case RT_STATE_F64: return H5T_NATIVE_DOUBLE;
    case RT_STATE_I64: return H5T_NATIVE_INT64;
    case RT_STATE_BYTES: return H5T_NATIVE_UINT8;
    }
    return H5I_INVALID_HID;
}

size_t rt_h5_item_bytes(const struct rt_state_item *item)
{
    return item->type == RT_STATE_BYTES ? 1 : item->type == RT_STATE_F32 ? 4 : 8;
}

const char *rt_state_library(char text[32])
{
    unsigned major = 0, minor = 0, release = 0;
    H5get_libversion(&major, &minor, &release);
    snprintf(text, 32, "%u.%u.%u", major, minor, release);
    return text;
}
