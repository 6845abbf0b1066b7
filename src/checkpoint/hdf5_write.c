/* hdf5_write.c - state as an HDF5 file made in memory and then stored like any other. */
#include "config.h"
#include "base/file.h"
#include "checkpoint/hdf5.h"

#include <stdlib.h>
#include <string.h>

enum { CHUNK_ELEMENTS = 65536 };

/* Chunks with a fletcher32 each, no fill values, no time stamps. */
static hid_t layout_of(int64_t count)
{
    const hsize_t chunk = count < CHUNK_ELEMENTS ? (hsize_t)count : CHUNK_ELEMENTS;
    const hid_t made = H5Pcreate(H5P_DATASET_CREATE);
    if (made < 0)
        return made;
    if (H5Pset_obj_track_times(made, false) < 0 || H5Pset_fill_time(made, H5D_FILL_TIME_NEVER) < 0 ||
        (count > 0 && (H5Pset_chunk(made, 1, &chunk) < 0 || H5Pset_fletcher32(made) < 0))) {
        H5Pclose(made);
        return H5I_INVALID_HID;
    }
    return made;
}

static rt_status write_item(hid_t file, const char *path, const struct rt_state_item *item,
                            struct rt_error *err)
{
    rt_status st = RT_OK;
    const hsize_t count = (hsize_t)item->count;
    hid_t layout = H5I_INVALID_HID, space = H5I_INVALID_HID, set = H5I_INVALID_HID;
    if (item->count < 0)
        return rt_fail(err, RT_ERR_INTERNAL, "%s: %s: %lld elements", path, item->name, (long long)item->count);
    if ((layout = layout_of(item->count)) < 0 || (space = H5Screate_simple(1, &count, NULL)) < 0) {
        st = rt_h5_fail(err, RT_ERR_INTERNAL, path, item->name, "HDF5 refuses the layout");
        goto close_layout;
    }
    set = H5Dcreate2(file, item->name, rt_h5_file_type(item), space, H5P_DEFAULT, layout, H5P_DEFAULT);
    if (set < 0) {
        st = rt_h5_fail(err, RT_ERR_IO, path, item->name, "cannot create the dataset");
        goto close_layout;
    }
    if (item->count > 0 &&
        H5Dwrite(set, rt_h5_memory_type(item), H5S_ALL, H5S_ALL, H5P_DEFAULT, item->data) < 0)
        st = rt_h5_fail(err, RT_ERR_IO, path, item->name, "cannot write the dataset");
    if (H5Dclose(set) < 0 && st == RT_OK)
        st = rt_h5_fail(err, RT_ERR_IO, path, item->name, "cannot close the dataset");
close_layout:
    if (space >= 0)
        H5Sclose(space);
    if (layout >= 0)
        H5Pclose(layout);
    return st;
}

/* The groups on the way to name, without time stamps. */
static rt_status make_groups(hid_t file, hid_t plain, const char *path, const char *name, struct rt_error *err)
{
    char part[RT_H5_NAME_MAX];
    if (name[0] != '/' || strlen(name) >= sizeof part)
        return rt_fail(err, RT_ERR_INTERNAL, "%s: %s: is not a dataset's path", path, name);
    for (const char *slash = name; (slash = strchr(slash + 1, '/')) != NULL;) {
        memcpy(part, name, (size_t)(slash - name));
        part[slash - name] = '\0';
        const htri_t known = H5Lexists(file, part, H5P_DEFAULT);
        if (known > 0)
            continue;
        const hid_t group =
            known < 0 ? H5I_INVALID_HID : H5Gcreate2(file, part, H5P_DEFAULT, plain, H5P_DEFAULT);
        if (group < 0 || H5Gclose(group) < 0)
            return rt_h5_fail(err, RT_ERR_IO, path, part, "cannot create the group");
    }
    return RT_OK;
}

static rt_status write_items(hid_t file, const char *path, const struct rt_state_item *items, int64_t count,
                             struct rt_error *err)
{
    rt_status st = RT_OK;
    const hid_t plain = H5Pcreate(H5P_GROUP_CREATE);
    if (plain < 0 || H5Pset_obj_track_times(plain, false) < 0)
        st = rt_h5_fail(err, RT_ERR_INTERNAL, path, NULL, "HDF5 refuses our settings");
    for (int64_t i = 0; i < count && st == RT_OK; i++) {
        st = make_groups(file, plain, path, items[i].name, err);
        if (st == RT_OK)
            st = write_item(file, path, &items[i], err);
    }
    if (st == RT_OK && H5Fflush(file, H5F_SCOPE_GLOBAL) < 0)
        st = rt_h5_fail(err, RT_ERR_IO, path, NULL, "cannot flush");
    if (plain >= 0)
        H5Pclose(plain);
    return st;
}

/* The memory that the core driver grows; it comes to us when the file is closed, whole and with its checksums,
 * which H5Fget_file_image of 1.10 does not give for this format. */
struct image {
    void *data;
    size_t room;
    bool closed;
};

static void *image_malloc(size_t bytes, H5FD_file_image_op_t op, void *context)
{
    struct image *image = context;
    (void)op;
    image->room = bytes;
    return malloc(bytes);
}

static void *image_realloc(void *data, size_t bytes, H5FD_file_image_op_t op, void *context)
{
    struct image *image = context;
    void *more = realloc(data, bytes);
    (void)op;
    if (more != NULL)
        image->room = bytes;
    return more;
}

static herr_t image_free(void *data, H5FD_file_image_op_t op, void *context)
{
    struct image *image = context;
    if (op == H5FD_FILE_IMAGE_OP_FILE_CLOSE && !image->closed) {
        image->data = data;
        image->closed = true;
    } else {
        free(data);
    }
    return 0;
}

static void *same_context(void *context)
{
    return context;
}

static herr_t keep_context(void *context)
{
    (void)context;
    return 0;
}

static rt_status take_image_at_close(hid_t access, struct image *image, const char *path, struct rt_error *err)
{
    H5FD_file_image_callbacks_t calls = { .image_malloc = image_malloc,
                                          .image_realloc = image_realloc,
                                          .image_free = image_free,
                                          .udata_copy = same_context,
                                          .udata_free = keep_context,
                                          .udata = image };
    if (H5Pset_file_image_callbacks(access, &calls) < 0)
        return rt_h5_fail(err, RT_ERR_INTERNAL, path, NULL, "HDF5 refuses our settings");
    return RT_OK;
}

/* The file name is only a label here: nothing is stored under it. */
static rt_status write_in_memory(const char *path, const struct rt_state_item *items, int64_t count,
                                 uint64_t bytes, struct rt_error *err)
{
    rt_status st;
    struct image image = { NULL, 0, false };
    ssize_t length = -1;
    hid_t access;
    RT_TRY(rt_h5_access(&access, true, (size_t)bytes, path, err));
    const hid_t plain = H5Pcreate(H5P_FILE_CREATE); /* without it the root group has a time stamp */
    RT_TRY_TO(st, take_image_at_close(access, &image, path, err), close_access);
    const hid_t file = plain >= 0 && H5Pset_obj_track_times(plain, false) >= 0
                           ? H5Fcreate(path, H5F_ACC_TRUNC, plain, access)
                           : H5I_INVALID_HID;
    if (file < 0) {
        st = rt_h5_fail(err, RT_ERR_MEMORY, path, NULL, "cannot build the file in memory");
        goto close_access;
    }
    st = write_items(file, path, items, count, err);
    if (st == RT_OK && (length = H5Fget_file_image(file, NULL, 0)) < 0) /* only its length is asked */
        st = rt_h5_fail(err, RT_ERR_IO, path, NULL, "has no length");
    if (H5Fclose(file) < 0 && st == RT_OK)
        st = rt_h5_fail(err, RT_ERR_IO, path, NULL, "cannot close");
    if (st == RT_OK && (image.data == NULL || (size_t)length > image.room))
        st = rt_fail(err, RT_ERR_INTERNAL, "%s: HDF5 did not hand over the file built in memory", path);
    if (st == RT_OK)
        st = rt_file_write(path, &(struct rt_file_part){ image.data, (size_t)length }, 1, err);
    free(image.data);
close_access:
    if (plain >= 0)
        H5Pclose(plain);
    H5Pclose(access);
    return st;
}

/* Never straight to a file: after a write that failed on a full disk, 1.10.8 cannot close the file and ends the
 * process with a segmentation fault at exit. */
rt_status rt_state_write(const char *path, const struct rt_state_item *items, int64_t count,
                         struct rt_error *err)
{
    struct rt_h5_quiet quiet;
    uint64_t bytes = 1 << 20;
    for (int64_t i = 0; i < count; i++)
        bytes += (uint64_t)items[i].count * rt_h5_item_bytes(&items[i]) + 1024;
    rt_h5_quiet_begin(&quiet);
    const rt_status st = write_in_memory(path, items, count, bytes, err);
    rt_h5_quiet_end(&quiet);
    return st;
}
