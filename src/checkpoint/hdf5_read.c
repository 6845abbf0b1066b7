/* hdf5_read.c - state read back: type, size and checksum of each dataset must hold. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/hdf5.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The dataset called name, or H5I_INVALID_HID with *there false when no link leads to it. */
static hid_t open_set(hid_t file, const char *name, bool *there)
{
    char part[RT_H5_NAME_MAX];
    *there = false;
    if (strlen(name) >= sizeof part)
        return H5I_INVALID_HID;
    for (size_t at = 1; at <= strlen(name); at++) { /* the library wants each step of the way asked for */
        if (name[at] != '/' && name[at] != '\0')
            continue;
        memcpy(part, name, at);
        part[at] = '\0';
        if (H5Lexists(file, part, H5P_DEFAULT) <= 0)
            return H5I_INVALID_HID;
    }
    *there = true;
    return H5Dopen2(file, name, H5P_DEFAULT);
}

/* Rank 1 and how many elements; -1 when it cannot be told or is not a list. */
static int64_t set_count(hid_t set)
{
    const hid_t space = H5Dget_space(set);
    if (space < 0)
        return -1;
    const int64_t count =
        H5Sget_simple_extent_ndims(space) == 1 ? (int64_t)H5Sget_simple_extent_npoints(space) : -1;
    H5Sclose(space);
    return count;
}

static bool set_type_is(hid_t set, const struct rt_state_item *item)
{
    const hid_t type = H5Dget_type(set);
    if (type < 0)
        return false;
    const bool same = H5Tequal(type, rt_h5_file_type(item)) > 0;
    H5Tclose(type);
    return same;
}

static rt_status read_item(hid_t file, const char *path, const struct rt_state_item *item, struct rt_error *err)
{
    rt_status st = RT_OK;
    bool there;
    const hid_t set = open_set(file, item->name, &there);
    if (set < 0)
        return rt_h5_fail(err, RT_ERR_FILE, path, item->name,
                          there ? "cannot open the dataset" : "is not in the file");
    const int64_t count = set_count(set);
    if (count != item->count)
        st = rt_fail(err, RT_ERR_FILE, "%s: %s: holds %lld elements and %lld were expected", path, item->name,
                     (long long)count, (long long)item->count);
    else if (!set_type_is(set, item))
        st = rt_fail(err, RT_ERR_FILE, "%s: %s: holds numbers of another type", path, item->name);
    else if (count > 0 && H5Dread(set, rt_h5_memory_type(item), H5S_ALL, H5S_ALL, H5P_DEFAULT, item->data) < 0)
        st = rt_h5_fail(err, RT_ERR_FILE, path, item->name, "cannot read the dataset");
    H5Dclose(set);
    return st;
}

static rt_status open_state(hid_t *file, const char *path, struct rt_error *err)
{
    hid_t access;
    uint64_t size;
    int fd;
    RT_TRY(rt_file_open(&fd, &size, path, err)); /* says what is wrong better than the library does */
    close(fd);
    RT_TRY(rt_h5_access(&access, false, 0, path, err));
    *file = H5Fopen(path, H5F_ACC_RDONLY, access);
    const rt_status st =
        *file >= 0 ? RT_OK : rt_h5_fail(err, RT_ERR_FILE, path, NULL, "is not a whole HDF5 file");
    H5Pclose(access);
    return st;
}

rt_status rt_state_read(const char *path, struct rt_state_item *items, int64_t count, struct rt_error *err)
{
    struct rt_h5_quiet quiet;
    hid_t file;
    rt_h5_quiet_begin(&quiet);
    rt_status st = open_state(&file, path, err);
    if (st == RT_OK) {
        for (int64_t i = 0; i < count && st == RT_OK; i++)
            st = read_item(file, path, &items[i], err);
        H5Fclose(file);
    }
    rt_h5_quiet_end(&quiet);
    return st;
}

rt_status rt_state_count(const char *path, const char *name, int64_t *count, struct rt_error *err)
{
    struct rt_h5_quiet quiet;
    hid_t file;
    bool there;
    rt_h5_quiet_begin(&quiet);
    rt_status st = open_state(&file, path, err);
    if (st == RT_OK) {
        const hid_t set = open_set(file, name, &there);
        if (set >= 0) {
            *count = set_count(set);
            if (*count < 0)
                st = rt_fail(err, RT_ERR_FILE, "%s: %s: is not a list of numbers", path, name);
            H5Dclose(set);
        } else if (there) {
            st = rt_h5_fail(err, RT_ERR_FILE, path, name, "cannot open the dataset");
        } else {
            *count = -1;
        }
        H5Fclose(file);
    }
    rt_h5_quiet_end(&quiet);
    return st;
}

struct listing {
    void (*emit)(const char *line, void *context);
    void *context;
};

static const char *type_name(hid_t type)
{
    const size_t bytes = H5Tget_size(type);
    switch (H5Tget_class(type)) {
    case H5T_FLOAT: return bytes == 4 ? "float32" : bytes == 8 ? "float64" : "float";
    case H5T_INTEGER: return bytes == 8 ? "int64" : bytes == 1 ? "uint8" : "integer";
    default: return "other";
    }
}

static herr_t list_one(hid_t file, const char *name, const H5L_info_t *info, void *context)
{
    const struct listing *to = context;
    char line[768];
    (void)info;
    const hid_t object = H5Oopen(file, name, H5P_DEFAULT);
    if (object < 0)
        return -1;
    if (H5Iget_type(object) == H5I_DATASET) {
        const hid_t type = H5Dget_type(object);
        snprintf(line, sizeof line, "/%s %s [%lld]", name, type >= 0 ? type_name(type) : "unknown",
                 (long long)set_count(object));
        if (type >= 0)
            H5Tclose(type);
        to->emit(line, to->context);
    }
    H5Oclose(object);
    return 0;
}

rt_status rt_state_list(const char *path, void (*emit)(const char *line, void *context), void *context,
                        struct rt_error *err)
{
    struct rt_h5_quiet quiet;
    struct listing to = { emit, context };
    hid_t file;
    rt_h5_quiet_begin(&quiet);
    rt_status st = open_state(&file, path, err);
    if (st == RT_OK) {
        if (H5Lvisit(file, H5_INDEX_NAME, H5_ITER_INC, list_one, &to) < 0)
            st = rt_h5_fail(err, RT_ERR_FILE, path, NULL, "cannot be listed");
        H5Fclose(file);
    }
    rt_h5_quiet_end(&quiet);
    return st;
}
